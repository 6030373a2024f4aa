// XMLHttpRequest under the rules of fetch, in a real browser.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { story, tokenOf } from "./world.js";

interface Wanted {
  readonly method?: string;
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly timeout?: number;
}

/** Makes a call; its answer and all that it fired, each with the state it was fired in. */
function xhr(page: Page, wanted: Wanted) {
  return page.evaluate(
    ({ method = "GET", url, headers = {}, body, timeout = 0 }) =>
      new Promise<{ status: number; text: string; fired: string[] }>((resolve) => {
        const call = new session.XMLHttpRequest();
        const fired: string[] = [];
        for (const type of ["readystatechange", "loadstart", "load", "error", "abort", "timeout", "loadend"])
          call.addEventListener(type, () => fired.push(type === "readystatechange" ? `${call.readyState}` : type));
        call.onloadend = () => setTimeout(() => resolve({ status: call.status, text: call.responseText, fired }), 0);
        call.open(method, url);
        call.timeout = timeout;
        for (const [name, value] of Object.entries(headers)) call.setRequestHeader(name, value);
        call.send(body);
      }),
    wanted,
  );
}

const sent = (requests: { authorization: string | undefined }[]) => requests.map(({ authorization }) => authorization);
const [first, second] = [`Bearer ${tokenOf(1)}`, `Bearer ${tokenOf(2)}`];

story("a rejected call is sent once more, and the page hears of one call", async ({ api, app, apiUrl, visit }) => {
  const page = await visit();
  const plain = await xhr(page, { url: `${apiUrl}/me` });
  api.accepted = 2;
  const replayed = await xhr(page, { url: `${apiUrl}/me` });
  assert.deepEqual(replayed, plain);
  assert.deepEqual(plain.fired, ["1", "loadstart", "2", "3", "4", "load", "loadend"]);
  assert.deepEqual(sent(api.requests), [first, first, second]);
  assert.equal(app.needs.length, 1);
  api.accepted = 99;
  const refused = await xhr(page, { url: `${apiUrl}/me` });
  assert.deepEqual([refused.status, refused.text], [401, "rejected"]);
  assert.equal(api.requests.length, 5);
});

story("the token goes to listed origins only, and never over the caller's own", async (world) => {
  const { api, app, apiUrl, visit, evilUrl, evilSaw } = world;
  const page = await visit();
  api.accepted = 2;
  const own = await xhr(page, { url: `${apiUrl}/me`, headers: { aUTHORIZATION: "Basic eDp5" } });
  assert.equal(own.status, 401);
  await xhr(page, { url: `${evilUrl}/page` });
  await xhr(page, { url: `${apiUrl}/moved` });
  assert.deepEqual(sent(api.requests), ["Basic eDp5", first]);
  assert.deepEqual(evilSaw, [undefined, undefined]);
  assert.equal(app.needs.length, 0);
});

story("a readable challenge other than invalid_token is the call's answer", async ({ api, app, apiUrl, visit }) => {
  const page = await visit();
  api.accepted = 2;
  const { status, text } = await xhr(page, { url: `${apiUrl}/basic` });
  assert.deepEqual([status, text, app.needs.length], [401, "basic", 0]);
});

story("an unsafe call whose 401 stays unexplained is not sent again, with an idempotency key it is", async (world) => {
  const { api, app, apiUrl, visit } = world;
  const page = await visit();
  api.accepted = 2;
  app.onNeed = () => {};
  const post = { method: "post", url: `${apiUrl}/notes`, body: "x" };
  assert.equal((await xhr(page, post)).status, 401);
  assert.equal(api.requests.length, 1);
  assert.equal((await xhr(page, { ...post, headers: { "Idempotency-Key": "k" } })).status, 401);
  assert.equal((await xhr(page, { url: `${apiUrl}/me` })).status, 401);
  assert.deepEqual(
    api.requests.map(({ method }) => method),
    ["POST", "POST", "POST", "GET", "GET"],
  );
});

story("a 401 without CORS headers is cured for a GET, and a POST keeps its network error", async (world) => {
  const { api, app, apiUrl, visit } = world;
  app.life = 1;
  app.onNeed = () => {
    // The first need is that of the call before it is sent; it gets a token that is past its end as well.
    if (app.needs.length < 2) return;
    app.generation = 2;
    app.life = 600_000;
  };
  const page = await visit();
  api.accepted = 2;
  const cured = await xhr(page, { url: `${apiUrl}/bare` });
  assert.deepEqual([cured.status, cured.fired.at(-2)], [200, "load"]);
  api.accepted = 3;
  const failed = await xhr(page, { method: "POST", url: `${apiUrl}/bare`, body: "x" });
  assert.deepEqual([failed.status, failed.fired.slice(-2)], [0, ["error", "loadend"]]);
});

story("every body arrives whole both times, as it was when it was sent", async ({ api, apiUrl, visit }) => {
  const page = await visit();
  api.accepted = 2;
  const statuses = await page.evaluate((url) => {
    const form = new FormData();
    form.set("a", new File(["file"], "f.txt"));
    const parameters = new URLSearchParams({ a: "1" });
    const bytes = new TextEncoder().encode("bytes");
    const buffer = new TextEncoder().encode("buffer").buffer;
    const bodies = { form, parameters, bytes, buffer, blob: new Blob(["blob"]), text: "text é" };
    const calls = Object.entries(bodies).map(
      ([name, body]) =>
        new Promise<number>((resolve) => {
          const call = new session.XMLHttpRequest();
          call.open("POST", `${url}/${name}`);
          call.onload = () => resolve(call.status);
          call.send(body as XMLHttpRequestBodyInit);
        }),
    );
    form.set("a", "changed");
    parameters.set("a", "changed");
    bytes.fill(0);
    new Uint8Array(buffer).fill(0);
    return Promise.all(calls);
  }, apiUrl);
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200]);
  const bodies = (name: string) =>
    api.requests.filter(({ url }) => url === `/${name}`).map(({ body }) => body.replace(/-{4,}\w+/g, "boundary"));
  for (const [name, body] of Object.entries({ parameters: "a=1", bytes: "bytes", buffer: "buffer", blob: "blob", text: "text é" }))
    assert.deepEqual(bodies(name), [body, body]);
  const [once, again] = bodies("form");
  assert.match(once ?? "", /filename="f\.txt"[^]*file/);
  assert.equal(again, once);
});

story("a call that times out or is given up while it waits ends so, and is not sent again", async (world) => {
  const { api, app, apiUrl, visit } = world;
  const page = await visit();
  api.accepted = 2;
  app.mute = true;
  const late = await xhr(page, { url: `${apiUrl}/me`, timeout: 300 });
  assert.deepEqual(late.fired.slice(-2), ["timeout", "loadend"]);
  const fired = await page.evaluate(
    (url) =>
      new Promise<string[]>((resolve) => {
        const call = new session.XMLHttpRequest();
        const fired: string[] = [];
        for (const type of ["load", "error", "abort", "timeout", "loadend"]) call.addEventListener(type, () => fired.push(type));
        call.onloadend = () => setTimeout(() => resolve(fired), 0);
        call.open("GET", url);
        call.send();
        setTimeout(() => call.abort(), 300);
      }),
    `${apiUrl}/other`,
  );
  assert.deepEqual(fired, ["abort", "loadend"]);
  assert.deepEqual(sent(api.requests), [first, first]);
});

story("a call that was not sent yet times out too", async ({ api, app, apiUrl, visit }) => {
  app.life = 1;
  const page = await visit();
  app.mute = true;
  const late = await xhr(page, { url: `${apiUrl}/me`, timeout: 300 });
  assert.deepEqual(late.fired, ["1", "timeout", "loadend"]);
  assert.equal(api.requests.length, 0);
});

story("a call that was not sent yet fails when the session ends, and no token is sent after it", async (world) => {
  const { api, app, apiUrl, visit } = world;
  app.life = 1;
  const page = await visit();
  app.mute = true;
  const call = xhr(page, { url: `${apiUrl}/me` });
  while (!app.needs.length) await new Promise(setImmediate);
  app.end("signed_out");
  assert.deepEqual((await call).fired.slice(-2), ["error", "loadend"]);
  assert.equal(api.requests.length, 0);
  await page.waitForFunction(() => session.state === "ended");
  assert.equal((await xhr(page, { url: `${apiUrl}/me` })).status, 401);
  assert.deepEqual(sent(api.requests), [undefined]);
});

story("in a plain browser it is the plain XMLHttpRequest", async ({ api, apiUrl, visit }) => {
  const page = await visit({ inApp: false });
  assert.equal((await xhr(page, { url: `${apiUrl}/me` })).status, 401);
  assert.deepEqual(sent(api.requests), [undefined]);
});
