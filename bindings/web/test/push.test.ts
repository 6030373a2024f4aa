// The door for an app that can only push: one message a time, through `tokencast.receive`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import type { Page } from "playwright-core";
import { activePage, bearer, gen, openPage, unauthorized, until } from "./page.js";
import { CANARY, story, tokenOf, type World } from "./world.js";
import { allLeaks, observe } from "./observe.js";

const state = (g: number, fields: object = {}) => ({
  ...{ v: 1, k: "state", gen: gen(g), st: "active", at: `token-store-1-${g}`, exp: 600_000, mode: "inject" },
  api: [{ origin: "https://api.example.com", rejected: [401] }],
  ...fields,
});

function pushedPage() {
  const page = openPage({ plain: true });
  return { ...page, push: (message: object) => page.core.receive(JSON.stringify(message)) };
}

test("a page without a port is an app's page from the first pushed state on", async () => {
  const page = pushedPage();
  assert.equal(page.core.state(), "plain");
  page.push(state(1));
  assert.equal(page.core.state(), "active");
  await page.fetch("/me");
  assert.equal(page.server[0]?.authorization, bearer(gen(1)));
});

test("a call that was rejected goes on with the next pushed token, and has its own 401 when none comes", async () => {
  const page = pushedPage();
  page.push(state(1));
  page.replies.push(() => unauthorized());
  const call = page.fetch("/me");
  await until(() => page.server.length === 1);
  // The answer has to be read before the push; a call that learned of it later would be replayed at once.
  await new Promise(setImmediate);
  page.push(state(2));
  assert.equal((await call).status, 200);
  assert.equal(page.server[1]?.authorization, bearer(gen(2)));

  page.replies.push(() => unauthorized());
  let answer: Response | undefined;
  page.fetch("/me").then((response) => (answer = response));
  await until(() => (page.clock.pass(15_000), answer));
  assert.equal(answer?.status, 401);
});

test("what is pushed obeys the rules of what is asked for", () => {
  const page = pushedPage();
  for (const text of ["", "null", "{", '{"v":2,"k":"state"}', "x".repeat(70_000), 7, undefined, {}])
    page.core.receive(text as string);
  assert.equal(page.core.state(), "plain");
  page.push(state(2));
  page.push(state(1));
  assert.deepEqual(page.core.held()?.gen, gen(2));
  page.push({ v: 1, k: "notify", gen: gen(3) });
  page.push({ v: 1, k: "ended", gen: gen(2), reason: "signed_out" });
  page.push(state(3));
  assert.equal(page.core.state(), "ended");
  assert.equal(page.core.held(), undefined);
});

test("a page that is put aside drops a pushed token, and takes the next", () => {
  const page = pushedPage();
  page.push(state(1));
  page.window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  assert.equal(page.core.held(), undefined);
  assert.equal(page.core.state(), "connecting");
  page.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  page.push(state(1));
  assert.equal(page.core.state(), "active");
});

test("a page with a port takes pushes as well, and a refused one takes none", () => {
  const page = activePage();
  page.core.receive(JSON.stringify(state(2)));
  assert.deepEqual(page.core.held()?.gen, gen(2));
  const refused = openPage();
  refused.app.send({ k: "err", code: "denied" });
  refused.core.receive(JSON.stringify(state(2)));
  assert.equal(refused.core.state(), "plain");
});

/** The script of the core's `script.rs`, word for word. */
const pushed = (origin: string, message: string) =>
  `(function(){"use strict";if(location.origin!==${JSON.stringify(origin)})return"o";const c=globalThis.tokencast;` +
  `if(!c||typeof c.receive!=="function")return"c";c.receive(${JSON.stringify(message)});return"k"})()`;

const message = (apiUrl: string, g: number) =>
  JSON.stringify(state(g, { at: tokenOf(g), api: [{ origin: apiUrl, rejected: [401] }] }));

/** Evaluates as a host does, and not as Playwright, whose own code would be among the observed. */
async function push(page: Page, script: string): Promise<unknown> {
  const devtools = await page.context().newCDPSession(page);
  const { result } = await devtools.send("Runtime.evaluate", { expression: script });
  return result.value;
}

/** A page in an app that only pushes, with observers that came after the client. */
async function open({ visit, apiUrl }: World) {
  const inject = readFileSync("dist/tokencast.inject.js", "utf8");
  return visit({
    inApp: false,
    async before(page) {
      await page.addInitScript(`${inject}; globalThis.early = tokencast.connect({ api: [${JSON.stringify(apiUrl)}] });`);
      await page.addInitScript(observe, CANARY);
    },
  });
}

story("a pushed token serves the page's calls, and scripts that patch everything do not see it", async (world) => {
  const { apiUrl, api } = world;
  const page = await open(world);
  const origin = world.siteUrls[0] as string;
  assert.equal(await page.evaluate(() => session.state), "plain");
  assert.equal(await push(page, pushed("https://other.example", message(apiUrl, 1))), "o");
  assert.equal(await push(page, pushed(origin, message(apiUrl, 1))), "k");
  const rejected = page.waitForResponse((response) => response.status() === 401);
  api.accepted = 2;
  const call = page.evaluate((url) => session.fetch(url).then(({ status }) => status), `${apiUrl}/me`);
  await rejected;
  assert.equal(await push(page, pushed(origin, message(apiUrl, 2))), "k");
  assert.equal(await call, 200);
  assert.deepEqual(await page.evaluate(allLeaks), []);
});

story("a page that put the client in place of its globals is served from the first push on", async (world) => {
  const inject = readFileSync("dist/tokencast.inject.js", "utf8");
  const page = await world.visit({ inApp: false, before: (page) => page.addInitScript(inject) });
  const calls = () =>
    page.evaluate(async (url) => {
      const { tokencast } = globalThis as unknown as { tokencast: { connect(options: object): typeof session } };
      tokencast.connect({ api: [url], globals: true });
      const xhr = new XMLHttpRequest();
      xhr.open("GET", `${url}/me`);
      const ended = new Promise((resolve) => (xhr.onloadend = resolve));
      xhr.send();
      await ended;
      return [xhr.status, (await fetch(`${url}/me`)).status];
    }, world.apiUrl);
  assert.deepEqual(await calls(), [401, 401]);
  await push(page, pushed(world.siteUrls[0] as string, message(world.apiUrl, 1)));
  assert.deepEqual(await calls(), [200, 200]);
});

story("page scripts can neither replace the door, nor look through it, nor see who calls", async (world) => {
  const page = await open(world);
  const tries = await page.evaluate((push) => {
    const { tokencast } = globalThis as unknown as { tokencast: { receive: Function } };
    const { receive } = tokencast;
    const attempt = (act: () => unknown) => {
      try {
        return act();
      } catch (error) {
        return (error as Error).name;
      }
    };
    const seen: unknown[] = [];
    const look = () => seen.push(attempt(() => receive.arguments), attempt(() => receive.caller));
    // Called by the client while it takes the push.
    (globalThis as unknown as { early: typeof session }).early.onAccessToken(look);
    const found = [
      attempt(() => Object.defineProperty(globalThis, "tokencast", { value: {} })),
      attempt(() => Object.defineProperty(tokencast, "receive", { value: look })),
      attempt(() => {
        "use strict";
        Object.assign(tokencast, { receive: look });
      }),
      attempt(() => delete (globalThis as Record<string, unknown>).tokencast),
    ];
    (0, eval)(push);
    return { found, seen, same: tokencast.receive === receive && tokencast === (globalThis as never)["tokencast"] };
  }, pushed(world.siteUrls[0] as string, message(world.apiUrl, 1)));
  assert.deepEqual(tries.found, ["TypeError", "TypeError", "TypeError", false]);
  assert.deepEqual(tries.seen, ["TypeError", "TypeError"]);
  assert.ok(tries.same);
});

story("a sandboxed document takes no push, though its location says it is the app's", async (world) => {
  const inject = readFileSync("dist/tokencast.inject.js", "utf8");
  const page = await world.visit({ inApp: false, before: (page) => page.addInitScript(inject) });
  await page.route("**/sandboxed", (route) =>
    route.fulfill({ contentType: "text/html", headers: { "Content-Security-Policy": "sandbox allow-scripts" }, body: "<p>" }),
  );
  await page.goto(`${world.siteUrls[0]}/sandboxed`);
  const origin = world.siteUrls[0] as string;
  assert.equal(await page.evaluate(() => self.origin), "null");
  assert.equal(await push(page, pushed(origin, message(world.apiUrl, 1))), "k");
  const found = await page.evaluate((api) => {
    const { tokencast } = globalThis as unknown as { tokencast: { connect(options: object): typeof session } };
    return tokencast.connect({ api: [api] }).state;
  }, world.apiUrl);
  assert.equal(found, "plain");
});
