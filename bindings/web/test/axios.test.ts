// The real axios, unchanged, in a real browser: it uses the page's XMLHttpRequest and fetch, which the client replaced.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { AxiosStatic } from "axios";
import type { Page } from "playwright-core";
import { story, tokenOf, type World } from "./world.js";

declare global {
  var axios: AxiosStatic;
}

const AXIOS = readFileSync("node_modules/axios/dist/axios.min.js", "utf8");

/** A page whose globals are the client's, with axios on it; its client is the page's own or the app's. */
async function open({ visit, apiUrl }: World, injected = false): Promise<Page> {
  const inject = readFileSync("dist/tokencast.inject.js", "utf8");
  const page = await visit(injected ? { before: (page) => page.addInitScript(inject) } : {});
  await page.evaluate(
    async ([module, api]) => {
      const { tokencast } = globalThis as unknown as { tokencast?: typeof import("../src/index.js") };
      const { connect } = tokencast ?? (await import(module));
      connect({ api: [api], globals: true });
    },
    ["/tokencast.js", apiUrl] as const,
  );
  await page.evaluate(AXIOS);
  return page;
}

for (const [adapter, injected] of [
  ["xhr", false],
  ["xhr", true],
  ["fetch", false],
  ["fetch", true],
] as const) {
  const client = `axios over ${adapter}, ${injected ? "injected" : "the page's own client"}`;
  story(`${client}: a 401 is replayed with the newer token, interceptors see one answer`, async (world) => {
    const page = await open(world, injected);
    world.api.accepted = 2;
    const seen = await page.evaluate(
      async ([url, adapter]) => {
        const client = axios.create({ adapter });
        const statuses: unknown[] = [];
        client.interceptors.request.use((config) => {
          statuses.push("sent");
          return config;
        });
        client.interceptors.response.use(
          (response) => {
            statuses.push(response.status);
            return response;
          },
          (error) => {
            statuses.push(error.message);
            throw error;
          },
        );
        const { data, status } = await client.get(url);
        return { data, status, statuses };
      },
      [`${world.apiUrl}/me`, adapter] as const,
    );
    assert.deepEqual(seen, { data: "ok /me", status: 200, statuses: ["sent", 200] });
    assert.deepEqual(
      world.api.requests.map(({ authorization }) => authorization),
      [`Bearer ${tokenOf(1)}`, `Bearer ${tokenOf(2)}`],
    );
    assert.equal(world.app.needs.length, 1);
  });

  story(`${client}: a POST arrives whole both times, and takes effect once`, async (world) => {
    const page = await open(world, injected);
    world.api.accepted = 2;
    const status = await page.evaluate(
      async ([url, adapter]) => (await axios.post(url, { text: "é" }, { adapter })).status,
      [`${world.apiUrl}/notes`, adapter] as const,
    );
    assert.equal(status, 200);
    assert.deepEqual(
      world.api.requests.map(({ method, body }) => [method, body]),
      [
        ["POST", '{"text":"é"}'],
        ["POST", '{"text":"é"}'],
      ],
    );
    assert.equal(world.api.notes, 1);
  });

  story(`${client}: a second 401 is the call's answer`, async (world) => {
    const page = await open(world, injected);
    world.api.accepted = 99;
    const answer = await page.evaluate(
      ([url, adapter]) =>
        axios.get(url, { adapter }).catch(({ response }) => [response.status, response.data] as const),
      [`${world.apiUrl}/me`, adapter] as const,
    );
    assert.deepEqual(answer, [401, "rejected"]);
    assert.equal(world.api.requests.length, 2);
  });
}

story("axios over xhr: a call given up while it waits for the app ends at once and is not replayed", async (world) => {
  const page = await open(world);
  world.api.accepted = 2;
  world.app.mute = true;
  await page.evaluate((url) => {
    const controller = new AbortController();
    const ended = axios.get(url, { adapter: "xhr", signal: controller.signal }).then(
      () => "answered",
      (error) => error.code,
    );
    Object.assign(globalThis, { controller, ended });
  }, `${world.apiUrl}/me`);
  const needed = () => world.app.needs.length > 0;
  while (!needed()) await new Promise(setImmediate);
  const code = await page.evaluate(() => {
    const { controller, ended } = globalThis as unknown as { controller: AbortController; ended: Promise<string> };
    controller.abort();
    return ended;
  });
  assert.equal(code, "ERR_CANCELED");
  assert.equal(world.api.requests.length, 1);
});

story("axios over xhr: the progress told is that of the answer the page gets", async (world) => {
  const page = await open(world);
  world.api.accepted = 2;
  const progress = await page.evaluate(async (url) => {
    const loaded: number[] = [];
    await axios.get(url, { adapter: "xhr", onDownloadProgress: (event) => loaded.push(event.loaded) });
    return loaded;
  }, `${world.apiUrl}/me`);
  assert.ok(progress.length > 0);
  assert.ok(
    progress.every((loaded) => loaded <= "ok /me".length),
    `${progress}`,
  );
});

story("a synchronous call gets the header and its own 401", async (world) => {
  const page = await open(world);
  world.api.accepted = 2;
  const status = await page.evaluate((url) => {
    const xhr = new XMLHttpRequest();
    xhr.open("GET", url, false);
    xhr.send();
    return xhr.status;
  }, `${world.apiUrl}/me`);
  assert.equal(status, 401);
  assert.deepEqual(
    world.api.requests.map(({ authorization }) => authorization),
    [`Bearer ${tokenOf(1)}`],
  );
});
