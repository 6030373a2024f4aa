// A page whose other scripts watch all they can: everything patched after the client was evaluated, prototypes polluted.
// The naive client in the same page is the control: it must be seen, or the observers are blind.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { allLeaks, observe } from "./observe.js";
import * as esbuild from "esbuild";
import { CANARY, REFRESH_TOKEN, story, tokenOf, type World } from "./world.js";

/** A page with the injected client, and observers that came later. */
async function watchedPage({ visit, apiUrl }: World, more = "") {
  const inject = readFileSync("dist/tokencast.inject.js", "utf8");
  return visit({
    async before(page) {
      await page.addInitScript(
        `${inject}; globalThis.early = tokencast.connect({ api: [${JSON.stringify(apiUrl)}] }); ${more}`,
      );
      await page.addInitScript(observe, CANARY);
    },
  });
}

story("scripts that patch everything after the client never see the token", async (world) => {
  const page = await watchedPage(world);
  world.api.accepted = 2;
  const statuses = await page.evaluate(async (url) => {
    const { early } = globalThis as unknown as { early: typeof session };
    const request = new Request(`${url}/put`, { method: "PUT", body: "x" });
    const answers = [
      early.fetch(`${url}/me`),
      early.fetch(`${url}/notes`, { method: "POST", body: "x" }),
      early.fetch(request),
    ];
    return (await Promise.all(answers)).map(({ status }) => status);
  }, world.apiUrl);
  assert.deepEqual(statuses, [200, 200, 200]);
  assert.ok(world.app.needs.length >= 1);
  assert.deepEqual(await page.evaluate(allLeaks), []);
});

story("nor do they see it through XMLHttpRequest", async (world) => {
  const page = await watchedPage(world);
  world.api.accepted = 2;
  const statuses = await page.evaluate(async (url) => {
    const { early } = globalThis as unknown as { early: typeof session };
    const call = (method: string, path: string, body?: BodyInit) =>
      new Promise<number>((resolve) => {
        const xhr = new early.XMLHttpRequest();
        xhr.open(method, url + path);
        xhr.addEventListener("loadend", () => resolve(xhr.status));
        xhr.send(body as XMLHttpRequestBodyInit);
      });
    return Promise.all([call("GET", "/me"), call("POST", "/notes", "x"), call("PUT", "/put", new Blob(["x"]))]);
  }, world.apiUrl);
  assert.deepEqual(statuses, [200, 200, 200]);
  assert.equal(world.api.requests.filter(({ authorization }) => authorization === `Bearer ${tokenOf(2)}`).length, 3);
  assert.deepEqual(await page.evaluate(allLeaks), []);
});

story("nor do they see what is lent and handed over, beside the page's own exchange", async (world) => {
  const [selfRefresh] = esbuild.buildSync({
    entryPoints: ["src/self-refresh.ts"],
    bundle: true,
    format: "iife",
    globalName: "borrowing",
    write: false,
  }).outputFiles;
  world.app.mode = "self";
  const page = await watchedPage(
    world,
    `${selfRefresh?.text}
    borrowing.selfRefresh(early, async ({ refreshToken, idempotencyKey }) => {
      globalThis.borrowed = [refreshToken.length, idempotencyKey];
      return { __proto__: null, accessToken: "${tokenOf(2)}", refreshToken: "${CANARY}.next", expiresIn: 60 };
    });`,
  );
  world.api.accepted = 2;
  const status = await page.evaluate(async (url) => {
    const { early } = globalThis as unknown as { early: typeof session };
    return (await early.fetch(url)).status;
  }, `${world.apiUrl}/me`);
  assert.equal(status, 200);
  assert.equal(world.app.needs.length, 0);
  assert.deepEqual(
    world.app.handOvers.map(({ lease, at, rt, exp }) => [lease, at, rt, exp]),
    [["l1", tokenOf(2), `${CANARY}.next`, 60_000]],
  );
  const borrowed = await page.evaluate(() => (globalThis as unknown as { borrowed: unknown[] }).borrowed);
  assert.deepEqual(borrowed, [REFRESH_TOKEN.length, "key-1"]);
  assert.deepEqual(await page.evaluate(allLeaks), []);
});

story("control: the same scripts see the token of a naive client", async (world) => {
  const page = await watchedPage(world);
  await page.evaluate(
    async ([url, token]) => {
      const current = async () => JSON.parse(`{"at":"${token}"}`).at as string;
      const headers = new Headers();
      headers.set("Authorization", `Bearer ${await current()}`);
      const request = new Request(`${url}/me`);
      request.headers.set("Authorization", headers.get("Authorization") as string);
      const xhr = new XMLHttpRequest();
      xhr.open("GET", `${url}/me`);
      xhr.setRequestHeader("Authorization", headers.get("Authorization") as string);
      xhr.send();
      await Promise.all([fetch(`${url}/me`, { headers }), fetch(request)]);
    },
    [world.apiUrl, `${CANARY}.1`] as const,
  );
  const leaks = await page.evaluate(allLeaks);
  for (const name of [
    "JSON.parse",
    "Headers.prototype.set",
    "XMLHttpRequest.prototype.setRequestHeader",
    "fetch",
    "a kept request",
  ])
    assert.ok(leaks.includes(name), `${name} did not see it: ${leaks}`);
});
