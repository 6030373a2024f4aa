// The built client in a real browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { CANARY, call, story, tokenOf } from "./world.js";

story(
  "one page gets a 401, the app is asked once, and pages of two origins go on with the new token",
  async (world) => {
    const { api, app, apiUrl } = world;
    const pages = [await world.visit({ site: 0 }), await world.visit({ site: 1 })] as const;
    assert.notEqual(world.siteUrls[0], world.siteUrls[1]);
    for (const page of pages) assert.equal((await call(page, `${apiUrl}/me`)).status, 200);

    api.accepted = 2;
    const calls = [
      call(pages[0], `${apiUrl}/a`),
      call(pages[0], `${apiUrl}/b`),
      call(pages[0], `${apiUrl}/notes`, { method: "POST", body: "x" }),
    ];
    for (const answer of await Promise.all(calls)) assert.equal(answer.status, 200);
    assert.deepEqual(
      app.needs.map(({ why, used }) => [why, used.g]),
      [["401", 1]],
    );

    await pages[1].waitForFunction(() => session.generation?.number === 2);
    const rejected = api.requests.filter(({ authorization }) => authorization === `Bearer ${tokenOf(1)}`).length;
    assert.equal((await call(pages[1], `${apiUrl}/me`)).status, 200);
    assert.equal(api.requests.filter(({ authorization }) => authorization === `Bearer ${tokenOf(1)}`).length, rejected);
    assert.equal(app.needs.length, 1);
  },
);

story("a rejected POST is replayed once with its body, and takes effect once", async ({ api, app, apiUrl, visit }) => {
  const page = await visit();
  api.accepted = 2;
  assert.deepEqual(await call(page, `${apiUrl}/notes`, { method: "POST", body: "whole" }), {
    status: 200,
    body: "ok /notes",
  });
  assert.deepEqual(
    api.requests.map(({ method, body, authorization }) => [method, body, authorization]),
    [
      ["POST", "whole", `Bearer ${tokenOf(1)}`],
      ["POST", "whole", `Bearer ${tokenOf(2)}`],
    ],
  );
  assert.equal(api.notes, 1);

  api.accepted = 99;
  api.requests.length = 0;
  assert.equal((await call(page, `${apiUrl}/notes`, { method: "POST", body: "x" })).status, 401);
  assert.equal(api.requests.length, 2);
  assert.equal(app.needs.length, 2);
});

story("files and forms are replayed whole, a Request as well", async ({ api, apiUrl, visit }) => {
  const page = await visit();
  api.accepted = 2;
  const statuses = await page.evaluate(async (url) => {
    const form = new FormData();
    form.set("file", new File(["x".repeat(100_000)], "f.txt"));
    const request = new Request(url, { method: "PUT", body: new Uint8Array(100_000) });
    const answers = await Promise.all([session.fetch(url, { method: "POST", body: form }), session.fetch(request)]);
    return [...answers.map(({ status }) => status), request.headers.has("authorization")];
  }, `${apiUrl}/upload`);
  assert.deepEqual(statuses, [200, 200, false]);
  for (const method of ["POST", "PUT"]) {
    const [first, second] = api.requests.filter((request) => request.method === method);
    assert.ok(first && first.body.length >= 100_000);
    assert.equal(second?.body, first.body);
  }
});

story(
  "a 401 without CORS headers looks like a network error, and is cured for a GET",
  async ({ api, app, apiUrl, visit }) => {
    app.life = 1;
    app.onNeed = () => {
      app.generation = 2;
      app.life = 600_000;
    };
    const page = await visit();
    api.accepted = 2;
    assert.equal((await call(page, `${apiUrl}/bare`)).status, 200);
    assert.deepEqual(
      app.needs.map(({ why }) => why),
      ["expiring"],
    );
  },
);

story("callbacks get every newer token", async ({ api, apiUrl, visit }) => {
  const page = await visit();
  const seen = page.evaluate(
    () =>
      new Promise<string[]>((resolve) => {
        const values: string[] = [];
        session.onAccessToken(({ value, generation }) => {
          values.push(`${generation.number} ${value}`);
          if (values.length === 2) resolve(values);
        });
      }),
  );
  api.accepted = 2;
  await call(page, `${apiUrl}/me`);
  assert.deepEqual(await seen, [`1 ${tokenOf(1)}`, `2 ${tokenOf(2)}`]);
});

story("the end of the session is told to every page, and no token is sent after it", async (world) => {
  const pages = [await world.visit({ site: 0 }), await world.visit({ site: 1 })];
  world.app.end("password_changed");
  for (const page of pages) {
    assert.deepEqual(await page.evaluate(() => new Promise((resolve) => session.onEnded(resolve))), {
      reason: "password_changed",
    });
    assert.deepEqual(await page.evaluate(() => [session.state, session.generation]), ["ended", undefined]);
    assert.equal((await call(page, `${world.apiUrl}/me`)).status, 401);
  }
  assert.deepEqual(
    world.api.requests.map(({ authorization }) => authorization),
    [undefined, undefined],
  );
});

story("a lost connection leaves a plain page", async ({ app, api, apiUrl, visit }) => {
  const page = await visit();
  app.onNeed = () => app.sockets.forEach((socket) => socket.terminate());
  api.accepted = 2;
  assert.equal((await call(page, `${apiUrl}/me`)).status, 401);
  assert.equal(await page.evaluate(() => session.state), "plain");
  assert.equal((await call(page, `${apiUrl}/me`)).status, 401);
  assert.equal(api.requests.at(-1)?.authorization, undefined);
});

story("in a plain browser the client is plain fetch", async ({ api, app, apiUrl, visit }) => {
  const page = await visit({ inApp: false });
  assert.equal(await page.evaluate(() => session.state), "plain");
  assert.equal((await call(page, `${apiUrl}/me`)).status, 401);
  assert.equal(api.requests[0]?.authorization, undefined);
  assert.equal(app.protocols.length, 0);
});

story("neither key nor token is left in the URL, the history, storage, a referrer or the console", async (world) => {
  const lines: string[] = [];
  const page = await world.visit({ before: async (page) => page.on("console", (line) => lines.push(line.text())) });
  assert.deepEqual(world.app.protocols, [`tokencast.1, key.${"k".repeat(32)}`]);
  world.api.accepted = 2;
  await call(page, `${world.apiUrl}/me`);
  const places = await page.evaluate(async () => ({
    url: location.href,
    storage: JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, window.name, history.state]),
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    globals: JSON.stringify(
      Object.keys(globalThis).map((name) => String((globalThis as Record<string, unknown>)[name])),
    ),
    document: document.documentElement.outerHTML,
  }));
  assert.equal(places.url, `${world.siteUrls[0]}/page?q=1`);
  assert.equal(places.databases + places.caches, 0);
  await page.goto(`${world.siteUrls[1]}/next`);
  await page.goBack();
  assert.equal(page.url(), places.url);
  await page.evaluate((url) => location.assign(url), `${world.evilUrl}/`);
  await page.waitForURL(`${world.evilUrl}/`);
  const everything = JSON.stringify([places, lines, world.referrers, await page.evaluate(() => document.referrer)]);
  assert.ok(!everything.includes(CANARY), everything);
  assert.ok(!everything.includes("kkkk"), everything);
});

story("an API that redirects to an evil host does not hand it the token", async ({ apiUrl, evilSaw, visit }) => {
  const page = await visit();
  await call(page, `${apiUrl}/moved`);
  assert.deepEqual(evilSaw, [undefined]);
});

story("the injected script comes first, and the page's own copy steps back", async ({ api, apiUrl, visit }) => {
  const inject = readFileSync("dist/tokencast.inject.js", "utf8");
  const page = await visit({ before: (page) => page.addInitScript(inject) });
  const isInjected = await page.evaluate(() => {
    const { tokencast } = globalThis as unknown as { tokencast: { connect(options: object): typeof session } };
    return (
      tokencast.connect({ api: [] }).generation?.number === session.generation?.number && Object.isFrozen(tokencast)
    );
  });
  assert.ok(isInjected);
  api.accepted = 2;
  assert.equal((await call(page, `${apiUrl}/me`)).status, 200);
});
