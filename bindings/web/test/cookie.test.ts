// The reference backend's scheme `cookie` and its cookies in a real browser: what a page's script can and cannot do.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import test from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch } from "./world.js";

/** The cookies' names under TLS (RFC 6265bis §4.1.3). */
const REFRESH = "__Secure-refresh";
const CSRF = "__Host-csrf";

/** What a script finds that looks for cookies. */
interface Loot {
  readonly document: string;
  readonly store: readonly string[];
  readonly headers: readonly string[];
}

interface World {
  readonly url: string;
  /** The same server by a name that is another site. */
  readonly elsewhere: string;
  readonly browser: BrowserContext;
  readonly page: Page;
}

function story(name: string, play: (world: World) => Promise<void>): void {
  test(name, async () => {
    let server: ChildProcess | undefined;
    let browser: Browser | undefined;
    try {
      const started = await start();
      server = started.server;
      browser = await launch();
      // The authority was made for this test; what is tested is the cookies.
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      await page.goto(`${started.url}/healthz`);
      const elsewhere = started.url.replace("127.0.0.1", "localhost");
      await play({ url: started.url, elsewhere, browser: context, page });
    } finally {
      await browser?.close();
      server?.kill();
    }
  });
}

async function start(): Promise<{ server: ChildProcess; url: string }> {
  const program = process.env.TOKENCAST_BACKEND_PROGRAM;
  assert.ok(program, "no backend: run `cargo xtask test web`, or name one in TOKENCAST_BACKEND_PROGRAM");
  const server = spawn(program, ["--listen", "127.0.0.1:0", "--scheme", "cookie", "--tls"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.startsWith("ready ")) return { server, url: line.slice("ready ".length) };
  }
  throw new Error("the backend ended before it was ready");
}

/** A page's script signs in: the browser keeps what the answer sets. Says which headers it could read. */
function signIn(page: Page) {
  return page.evaluate(async () => {
    const body = new URLSearchParams({ username: "ada", password: "lovelace" });
    const answer = await fetch("/auth/login", { method: "POST", body, credentials: "include" });
    const token = ((await answer.json()) as { access_token?: unknown }).access_token;
    return { status: answer.status, access: typeof token, headers: [...answer.headers.keys()] };
  });
}

/** A script takes all it can get. */
function loot(page: Page): Promise<Loot> {
  return page.evaluate(async () => {
    const { cookieStore } = globalThis as unknown as { cookieStore: { getAll(): Promise<{ name: string }[]> } };
    const answer = await fetch("/healthz");
    return {
      document: document.cookie,
      store: (await cookieStore.getAll()).map(({ name }) => name),
      headers: [...answer.headers.keys()],
    };
  });
}

/** A refresh by the page's script, with that header or none; its status. */
function refresh(page: Page, csrf: string | undefined): Promise<number> {
  return page.evaluate(async (csrf) => {
    const headers = csrf === undefined ? {} : { "X-CSRF-Token": csrf };
    return (await fetch("/auth/refresh", { method: "POST", headers, credentials: "include" })).status;
  }, csrf);
}

/** The names of the cookies that went with the next request to an address that ends so. */
async function sentWith(page: Page, end: string, act: () => Promise<unknown>): Promise<string[]> {
  const [request] = await Promise.all([page.waitForRequest((request) => request.url().endsWith(end)), act()]);
  const cookie = (await request.allHeaders())["cookie"] ?? "";
  return cookie
    .split("; ")
    .filter((pair) => pair)
    .map((pair) => pair.slice(0, pair.indexOf("=")))
    .sort();
}

async function csrfOf(page: Page): Promise<string> {
  const pair = (await loot(page)).document.split("; ").find((pair) => pair.startsWith(`${CSRF}=`));
  assert.ok(pair, "the page's script reads the double-submit cookie");
  return pair.slice(CSRF.length + 1);
}

story("a page's script cannot read the refresh cookie, and a naive cookie it can", async ({ url, browser, page }) => {
  const signedIn = await signIn(page);
  assert.deepEqual({ ...signedIn, headers: signedIn.headers.includes("set-cookie") }, {
    status: 200,
    access: "string",
    headers: false,
  });
  const kept = await browser.cookies(`${url}/auth/refresh`);
  assert.deepEqual(kept.map(({ name }) => name).sort(), [CSRF, REFRESH]);
  const refreshCookie = kept.find(({ name }) => name === REFRESH);
  assert.ok(refreshCookie);
  const { httpOnly, secure, sameSite, path } = refreshCookie;
  assert.deepEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: "Strict", path: "/auth" });

  // On a page that the cookie is sent to: its path hides it from the others already.
  await page.goto(`${url}/auth/refresh`);
  const found = await loot(page);
  assert.ok(found.document.startsWith(`${CSRF}=`));
  assert.ok(!found.document.includes(REFRESH) && !found.document.includes(refreshCookie.value));
  assert.deepEqual(found.store, [CSRF]);
  assert.ok(!found.headers.includes("set-cookie"));

  // The control: the same cookie without HttpOnly.
  await browser.addCookies([{ name: "naive-refresh", value: "canary", url: `${url}/auth/`, secure: true, sameSite: "Strict" }]);
  const naive = await loot(page);
  assert.match(naive.document, /naive-refresh=canary/);
  assert.ok(naive.store.includes("naive-refresh"));
});

story("a refresh needs the double submit, and renews both cookies", async ({ url, browser, page }) => {
  await signIn(page);
  const csrf = await csrfOf(page);
  const before = await browser.cookies(`${url}/auth/refresh`);
  assert.equal(await refresh(page, undefined), 403);
  assert.equal(await refresh(page, `${csrf}x`), 403);
  assert.deepEqual(await browser.cookies(`${url}/auth/refresh`), before, "a refusal changes nothing");
  assert.equal(await refresh(page, csrf), 200);
  const after = await browser.cookies(`${url}/auth/refresh`);
  for (const { name, value } of before) {
    const renewed = after.find((cookie) => cookie.name === name);
    assert.ok(renewed && renewed.value !== value, name);
  }
  assert.equal(await refresh(page, csrf), 403, "the old double submit is over");
  assert.equal(await refresh(page, await csrfOf(page)), 200);
});

story("the refresh cookie goes to its own path only, and never with another site's request", async (world) => {
  const { url, elsewhere, page } = world;
  await signIn(page);
  const ask = (address: string) => () =>
    page.evaluate((address) => fetch(address, { method: "POST", mode: "no-cors", credentials: "include" }), address);
  assert.deepEqual(await sentWith(page, "/auth/refresh", ask(`${url}/auth/refresh`)), [CSRF, REFRESH]);
  assert.deepEqual(await sentWith(page, "/api/me", ask(`${url}/api/me`)), [CSRF]);

  // Another site's page calls, and leads the user here.
  await page.goto(`${elsewhere}/healthz`);
  assert.deepEqual(await sentWith(page, "/auth/refresh", ask(`${url}/auth/refresh`)), []);
  // The control: a cookie with SameSite=Lax goes with the user.
  const lax = { name: "naive-refresh", value: "canary", url: `${url}/auth/`, secure: true, sameSite: "Lax" } as const;
  await world.browser.addCookies([lax]);
  const follow = () => page.evaluate((address) => void location.assign(address), `${url}/auth/refresh`);
  assert.deepEqual(await sentWith(page, "/auth/refresh", follow), ["naive-refresh"]);
});
