// Documents that are loaded again, in a real browser: a server that renders pages for a cookie, and an app whose relay
// stands in the page's world.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import type { Page } from "playwright-core";
import { launch } from "./world.js";

/** The relay: carries texts between the page's client and the app. */
function relay(): void {
  const { port1: ours, port2: theirs } = new MessageChannel();
  const { toApp } = globalThis as unknown as { toApp(text: string): Promise<string | undefined> };
  const deliver = (text: string | undefined) => text && ours.postMessage(text);
  ours.onmessage = ({ data }) => void toApp(data).then(deliver);
  const offer = () => {
    const event = new MessageEvent("tokencast-port", { cancelable: true, ports: [theirs] });
    if (!dispatchEvent(event)) removeEventListener("tokencast-open", offer);
  };
  addEventListener("tokencast-open", offer);
  offer();
}

const TALL = `<div style="height:5000px">tall</div>`;
/** Reports how the document stands while it is parsed, which is before anything of it can be painted. */
const REPORT = `<script>console.log("parsed", getComputedStyle(document.documentElement).display)</script>`;

/** The server: it renders for one generation, and counts. */
class Site {
  accepted = 1;
  readonly requests: string[] = [];
  readonly server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    if (url === "/favicon.ico") return void response.writeHead(404).end();
    const isAccepted = headers.cookie === `at=${this.accepted}`;
    this.requests.push(`${method} ${url}`);
    request.resume();
    response.writeHead(isAccepted ? 200 : 401, { "Content-Type": "text/html", "Cache-Control": "no-store" });
    response.end(`<!doctype html>${REPORT}${isAccepted ? `welcome ${TALL}` : "rejected"}`);
  });
}

/** The app: its cookie is that of its generation, as soon as a page has asked. */
class App {
  generation = 1;
  mode = "inject";
  readonly heard: string[] = [];
  onNeed = () => {
    this.generation++;
  };
  /** What every question is answered with instead. */
  answer: object | undefined;

  constructor(
    private readonly page: Page,
    private readonly url: string,
  ) {}

  async hear(text: string): Promise<string | undefined> {
    const { k, id } = JSON.parse(text);
    this.heard.push(k);
    if (k !== "hello" && k !== "need") return undefined;
    if (this.answer) return JSON.stringify({ v: 1, id, ...this.answer });
    if (k === "need") this.onNeed();
    await this.page.context().addCookies([{ name: "at", value: `${this.generation}`, url: this.url }]);
    const gen = { s: "store", e: 1, g: this.generation };
    const { mode } = this;
    return JSON.stringify({ v: 1, k: "state", id, gen, st: "active", at: `t${this.generation}`, exp: 600_000, api: [], mode });
  }

  count(kind: string): number {
    return this.heard.filter((heard) => heard === kind).length;
  }
}

interface World {
  readonly site: Site;
  readonly url: string;
  readonly app: App;
  readonly page: Page;
  /** How each document stood while it was parsed. */
  readonly parsed: string[];
}

function story(name: string, play: (world: World) => Promise<void>, { inApp = true, before = "" } = {}): void {
  test(name, async () => {
    const browser = await launch();
    const site = new Site();
    site.server.listen(0, "127.0.0.1");
    try {
      await once(site.server, "listening");
      const url = `http://127.0.0.1:${(site.server.address() as AddressInfo).port}`;
      const page = await (await browser.newContext()).newPage();
      const app = new App(page, url);
      const parsed: string[] = [];
      page.on("console", (line) => line.text().startsWith("parsed ") && parsed.push(line.text().slice(7)));
      if (before) await page.addInitScript(before);
      if (inApp) {
        await page.exposeFunction("toApp", (text: string) => app.hear(text));
        await page.addInitScript(readFileSync("dist/tokencast.inject.js", "utf8"));
        await page.addInitScript(relay);
      } else {
        await page.addInitScript(readFileSync("dist/tokencast.inject.js", "utf8"));
      }
      await play({ site, url, app, page, parsed });
    } finally {
      await browser.close();
      site.server.closeAllConnections();
      site.server.close();
    }
  });
}

const shown = (page: Page, text: string) =>
  page.waitForFunction(
    (text) => document.body?.innerText.startsWith(text) && getComputedStyle(document.documentElement).display !== "none",
    text,
  );

story("a rejected document is hidden, and loaded again with the newer cookie", async ({ site, url, app, page, parsed }) => {
  await page.goto(`${url}/app`);
  await shown(page, "welcome");
  assert.deepEqual(site.requests, ["GET /app", "GET /app"]);
  assert.deepEqual(parsed, ["none", "block"]);
  assert.deepEqual(app.heard.includes("need"), false);
  assert.equal(await page.evaluate(() => history.length), 2);
});

story("when the newest token is the rejected one, the app is asked for another", async ({ site, url, app, page, parsed }) => {
  site.accepted = 2;
  await page.goto(`${url}/app`);
  await shown(page, "welcome");
  assert.deepEqual(site.requests, ["GET /app", "GET /app", "GET /app"]);
  assert.equal(app.count("need"), 1);
  assert.deepEqual(parsed, ["none", "none", "block"]);
});

story("a server that never accepts is asked three times; then its answer is shown", async ({ site, url, app, page, parsed }) => {
  site.accepted = 99;
  await page.goto(`${url}/app#part`);
  await shown(page, "rejected");
  assert.equal(site.requests.length, 3);
  assert.equal(app.count("need"), 1);
  assert.deepEqual(parsed, ["none", "none", "block"]);
  await page.goto("about:blank");
  await page.goto(`${url}/app?other`);
  await shown(page, "rejected");
  await page.goto(`${url}/app`);
  await shown(page, "rejected");
  // Another URL has a count of its own, this one has been loaded again often enough.
  assert.deepEqual(site.requests.slice(3), ["GET /app?other", "GET /app?other", "GET /app?other", "GET /app"]);
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).includes("t1"));
});

for (const [what, answer] of [
  ["that refuses", { k: "err", code: "refresh_failed", retry_ms: 60_000 }],
  ["whose session is over", { k: "ended", gen: { s: "store", e: 1, g: 1 }, reason: "signed_out" }],
  ["that denies the page", { k: "err", id: undefined, code: "denied" }],
] as const) {
  story(`an app ${what} leaves the server's answer shown`, async ({ site, url, app, page }) => {
    app.answer = answer;
    if (what === "that refuses") {
      app.answer = undefined;
      site.accepted = 99;
      app.onNeed = () => (app.answer = answer);
      const hear = app.hear.bind(app);
      app.hear = async (text) => (JSON.parse(text).k === "need" ? JSON.stringify({ v: 1, id: JSON.parse(text).id, ...answer }) : hear(text));
    }
    await page.goto(`${url}/app`);
    await shown(page, "rejected");
    assert.equal(site.requests.length, what === "that refuses" ? 2 : 1);
  });
}

story(
  "without an app the server's answer is shown and nothing is loaded again",
  async ({ site, url, page }) => {
    await page.goto(`${url}/app`);
    await shown(page, "rejected");
    assert.deepEqual(site.requests, ["GET /app"]);
    assert.deepEqual(await page.evaluate(() => ({ ...sessionStorage })), {});
  },
  { inApp: false },
);

story(
  "where a reload cannot be counted there is none",
  async ({ site, url, page }) => {
    await page.goto(`${url}/app`);
    await shown(page, "rejected");
    assert.deepEqual(site.requests, ["GET /app"]);
  },
  { before: `Object.defineProperty(globalThis, "sessionStorage", { get() { throw new Error("blocked"); } });` },
);

story("the rejected result of a POST is not posted again", async ({ site, url, app, page }) => {
  await page.goto(`${url}/app`);
  await shown(page, "welcome");
  site.accepted = 2;
  site.requests.length = 0;
  app.generation = 2;
  await page.evaluate(() => {
    document.body.innerHTML = `<form method="post" action="/notes?retried=1"><input name="text" value="x"></form>`;
    document.forms[0]?.submit();
  });
  await shown(page, "welcome");
  assert.deepEqual(site.requests, ["POST /notes?retried=1", "GET /notes?retried=1"]);
});

story("the fragment stays, and a page reloaded by its user is where it was", async ({ site, url, app, page }) => {
  await page.goto(`${url}/app#part`);
  await shown(page, "welcome");
  assert.equal(page.url(), `${url}/app#part`);
  await connectAndScroll(page, 1200);
  site.accepted = app.generation = 2;
  await page.evaluate(() => location.reload());
  await page.waitForFunction(() => document.body?.innerText.startsWith("welcome") && scrollY === 1200);
  assert.equal(page.url(), `${url}/app#part`);
  assert.equal(site.requests.length, 4);
});

for (const [mode, restoration] of [
  ["reload", "auto"],
  ["reload", "manual"],
  ["inject", "auto"],
] as const) {
  story(`a page that its host loads again: mode ${mode}, scroll restoration ${restoration}`, async ({ url, app, page }) => {
    app.mode = mode;
    await page.addInitScript((restoration) => void (history.scrollRestoration = restoration), restoration);
    await page.goto(`${url}/app`);
    await shown(page, "welcome");
    await connectAndScroll(page, 900);
    // As a host does it: the same URL once more.
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Page.navigate", { url: `${url}/app` });
    await page.waitForFunction(() => !("before" in globalThis) && document.readyState === "complete");
    // Restoring has happened by `load`, whose listeners the client's is the first of.
    assert.equal(await page.evaluate(() => scrollY), mode === "reload" && restoration === "auto" ? 900 : 0);
    // Gone to from elsewhere it begins at its top.
    await page.goto(`${url}/app?other`);
    await page.goto(`${url}/app`);
    await page.waitForFunction(() => document.readyState === "complete");
    assert.equal(await page.evaluate(() => scrollY), 0);
  });
}

async function connectAndScroll(page: Page, y: number): Promise<void> {
  await page.evaluate(() => {
    const { tokencast } = globalThis as unknown as { tokencast: { connect(options: object): typeof session } };
    Object.assign(globalThis, { session: tokencast.connect({ api: [] }), before: true });
  });
  await page.waitForFunction(() => session.state === "active");
  await page.evaluate((y) => scrollTo(0, y), y);
  await page.waitForFunction((y) => scrollY === y, y);
}

story("a document of no origin says nothing to the app, and is shown", async ({ url, app, page }) => {
  await page.route("**/sandboxed", (route) =>
    route.fulfill({
      status: 401,
      contentType: "text/html",
      headers: { "Content-Security-Policy": "sandbox allow-scripts" },
      body: "rejected",
    }),
  );
  await page.goto(`${url}/sandboxed`);
  await shown(page, "rejected");
  const state = await page.evaluate(() => {
    const { tokencast } = globalThis as unknown as { tokencast: { connect(options: object): typeof session } };
    return [self.origin, tokencast.connect({ api: [] }).state];
  });
  assert.deepEqual(state, ["null", "plain"]);
  assert.deepEqual(app.heard, []);
});
