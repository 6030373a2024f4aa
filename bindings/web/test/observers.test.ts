// A page whose other scripts watch all they can: everything patched after the client was evaluated, prototypes polluted.
// The naive client in the same page is the control: it must be seen, or the observers are blind.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { allLeaks, observe } from "./observe.js";
import { CANARY, story, type World } from "./world.js";

/** A page with the injected client, and observers that came later. */
async function watchedPage({ visit, apiUrl }: World) {
  const inject = readFileSync("dist/tokencast.inject.js", "utf8");
  return visit({
    async before(page) {
      await page.addInitScript(
        `${inject}; globalThis.early = tokencast.connect({ api: [${JSON.stringify(apiUrl)}] });`,
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

story("control: the same scripts see the token of a naive client", async (world) => {
  const page = await watchedPage(world);
  await page.evaluate(
    async ([url, token]) => {
      const current = async () => JSON.parse(`{"at":"${token}"}`).at as string;
      const headers = new Headers();
      headers.set("Authorization", `Bearer ${await current()}`);
      const request = new Request(`${url}/me`);
      request.headers.set("Authorization", headers.get("Authorization") as string);
      await Promise.all([fetch(`${url}/me`, { headers }), fetch(request)]);
    },
    [world.apiUrl, `${CANARY}.1`] as const,
  );
  const leaks = await page.evaluate(allLeaks);
  for (const name of ["JSON.parse", "Headers.prototype.set", "fetch", "a kept request"])
    assert.ok(leaks.includes(name), `${name} did not see it: ${leaks}`);
});
