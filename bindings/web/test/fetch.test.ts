// A rejected call: when it is replayed, with what, and how often.

import assert from "node:assert/strict";
import test from "node:test";
import { activePage, bearer, gen, openPage, quiet, unauthorized, until } from "./page.js";

type Page = ReturnType<typeof openPage>;

async function rejectThen(page: Page, path: string, init: Parameters<Page["fetch"]>[1], answer: (id: string) => void) {
  page.replies.push(() => unauthorized());
  const call = page.fetch(path, init);
  await until(() => page.app.of("need").length);
  answer(page.app.last("need").id);
  return call;
}

test("a 401 asks the app and is replayed with the newer token", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/me", {}, (id) => page.app.state(gen(2), { id }));
  assert.equal(answer.status, 200);
  assert.deepEqual(
    page.server.map(({ authorization }) => authorization),
    [bearer(gen(1)), bearer(gen(2))],
  );
  const { used, why } = page.app.last("need");
  assert.deepEqual({ used, why }, { used: gen(1), why: "401" });
});

test("a call is replayed once: a second 401 is its answer", async () => {
  const page = activePage();
  page.replies.push(
    () => unauthorized(),
    () => unauthorized(),
  );
  const call = page.fetch("/me");
  await until(() => page.app.of("need").length);
  page.app.state(gen(2), { id: page.app.last("need").id });
  assert.equal((await call).status, 401);
  assert.equal(page.server.length, 2);
  assert.equal(page.app.of("need").length, 1);
});

test("many rejected calls ask once and are all replayed", async () => {
  const page = activePage();
  for (let i = 0; i < 40; i++) page.replies.push(() => unauthorized());
  const calls = Array.from({ length: 40 }, (_, i) => page.fetch(`/${i}`));
  await until(() => page.server.length === 40);
  await quiet();
  assert.equal(page.app.of("need").length, 1);
  page.app.state(gen(2), { id: page.app.last("need").id });
  for (const call of calls) assert.equal((await call).status, 200);
  assert.equal(page.server.length, 80);
});

test("a late 401 with an old token is replayed without asking", async () => {
  const page = activePage();
  let reject = (_: Response) => {};
  page.replies.push(() => new Promise((resolve) => (reject = resolve)));
  const call = page.fetch("/me");
  await until(() => page.server.length === 1);
  page.app.state(gen(2));
  reject(unauthorized());
  assert.equal((await call).status, 200);
  assert.equal(page.app.of("need").length, 0);
});

test("an unsolicited newer token releases the waiting calls", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/me", {}, () => page.app.state(gen(2)));
  assert.equal(answer.status, 200);
});

test("every repeatable body arrives whole both times", async () => {
  const form = new FormData();
  form.set("name", "ada");
  const bodies: BodyInit[] = ["text", new Blob(["blob"]), new URLSearchParams("a=b"), new Uint8Array([65, 66]), form];
  for (const body of bodies) {
    const page = activePage();
    const answer = await rejectThen(page, "/notes", { method: "POST", body }, (id) => page.app.state(gen(2), { id }));
    assert.equal(answer.status, 200);
    const [first, second] = page.server;
    assert.ok(first?.body);
    assert.equal(second?.body, first.body);
    assert.equal(second.headers.get("content-type"), first.headers.get("content-type"));
  }
});

test("a Request keeps its headers, and the page's own object never holds the token", async () => {
  const page = activePage();
  const request = new Request("https://api.example.com/notes", { method: "PUT", body: "x", headers: { "X-Own": "1" } });
  page.replies.push(() => unauthorized());
  const call = page.fetch(request);
  await until(() => page.app.of("need").length);
  page.app.state(gen(2), { id: page.app.last("need").id });
  await call;
  assert.deepEqual(
    page.server.map(({ headers, body }) => [headers.get("x-own"), body]),
    [
      ["1", "x"],
      ["1", "x"],
    ],
  );
  assert.equal(request.headers.get("authorization"), null);
});

test("a body that was used already is an error and nothing is sent", async () => {
  const page = activePage();
  const request = new Request("https://api.example.com/notes", { method: "POST", body: "x" });
  await request.text();
  await assert.rejects(page.fetch(request), TypeError);
  assert.equal(page.server.length, 0);
});

const stream = () => new Blob(["streamed"]).stream();
// The DOM types do not know `duplex` yet.
const streaming = (body: unknown) => ({ method: "POST", duplex: "half", body }) as Parameters<Page["fetch"]>[1];

test("a stream is never replayed; its 401 is told to the app for the next call", async () => {
  const page = activePage();
  page.replies.push(() => unauthorized());
  const answer = await page.fetch("/notes", streaming(stream()));
  assert.equal(answer.status, 401);
  assert.equal(page.server.length, 1);
  assert.equal(page.app.of("need").length, 1);
});

test("a stream waits for a token that lasts", async () => {
  const page = activePage();
  page.clock.pass(590_000);
  const call = page.fetch("/notes", streaming(stream()));
  await until(() => page.app.of("need").length);
  assert.equal(page.app.last("need").why, "expiring");
  assert.equal(page.server.length, 0);
  page.app.state(gen(2), { id: page.app.last("need").id });
  assert.equal((await call).status, 200);
  assert.equal(page.server[0]?.authorization, bearer(gen(2)));
});

test("a body factory makes the stream anew for the replay", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/notes", streaming(stream), (id) => page.app.state(gen(2), { id }));
  assert.equal(answer.status, 200);
  assert.deepEqual(
    page.server.map(({ body }) => body),
    ["streamed", "streamed"],
  );
});

test("a URL object that changes while the call waits does not take the token along", async () => {
  const page = activePage();
  const url = new URL("https://api.example.com/notes");
  page.replies.push(() => unauthorized());
  const call = page.fetch(url, { method: "POST", body: () => "x" });
  await until(() => page.app.of("need").length);
  url.host = "evil.test";
  page.app.state(gen(2), { id: page.app.last("need").id });
  await call;
  assert.equal(page.server[1]?.authorization, null);
});

test("a keepalive call is sent at once and never retried", async () => {
  const page = activePage();
  page.clock.pass(700_000);
  page.replies.push(() => unauthorized());
  const answer = await page.fetch("/beacon", { method: "POST", body: "x", keepalive: true });
  assert.equal(answer.status, 401);
  assert.equal(page.server[0]?.authorization, bearer(gen(1)));
  assert.equal(page.app.of("need").length, 0);

  const starting = openPage();
  await starting.fetch("/beacon", { keepalive: true });
  assert.equal(starting.server[0]?.authorization, null);
});

test("an unsafe call whose 401 stays unexplained is not replayed", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/notes", { method: "POST", body: "x" }, (id) =>
    page.app.state(gen(1), { id }),
  );
  assert.equal(answer.status, 401);
  assert.equal(await answer.text(), "no");
  assert.equal(page.server.length, 1);
});

test("a safe call, and one with an Idempotency-Key, is replayed although unexplained", async () => {
  const keyed = { method: "POST", body: "x", headers: { "Idempotency-Key": "k1" } };
  for (const init of [{}, { method: "HEAD" }, { method: "OPTIONS" }, keyed]) {
    const page = activePage();
    const answer = await rejectThen(page, "/notes", init, (id) => page.app.state(gen(1), { id }));
    assert.equal(answer.status, 200);
    assert.equal(page.server.length, 2);
  }
});

test("the end of the token explains a 401", async () => {
  const page = activePage();
  page.replies.push(() => {
    page.clock.pass(600_000);
    return unauthorized();
  });
  const call = page.fetch("/notes", { method: "POST", body: "x" });
  await until(() => page.app.of("need").length);
  page.app.state(gen(1), { id: page.app.last("need").id });
  assert.equal((await call).status, 200);
});

test("a visible challenge other than invalid_token is the call's answer", async () => {
  const challenges = [
    'Bearer error="insufficient_scope"',
    'Bearer realm="api"',
    "Basic realm=x",
    'Bearer error_description="invalid_token"',
    'Bearer error="invalid_token_x"',
    'DPoP error="use_dpop_nonce"',
  ];
  for (const challenge of challenges) {
    const page = activePage();
    page.replies.push(() => unauthorized(challenge));
    assert.equal((await page.fetch("/me")).status, 401, challenge);
    assert.equal(page.app.of("need").length, 0, challenge);
  }
});

test("a visible invalid_token asks the app", async () => {
  for (const challenge of [
    'Bearer error="invalid_token"',
    'Bearer realm="x", error=invalid_token',
    'Basic realm=x, Bearer ERROR="invalid_token", scope=y',
  ]) {
    const page = activePage();
    page.replies.push(() => unauthorized(challenge));
    const call = page.fetch("/me");
    await until(() => page.app.of("need").length);
    page.app.state(gen(2), { id: page.app.last("need").id });
    assert.equal((await call).status, 200, challenge);
  }
});

test("the app says which statuses reject a token", async () => {
  const page = openPage();
  page.app.state(gen(1), { api: [{ origin: "https://api.example.com", rejected: [419] }] });
  page.replies.push(() => unauthorized());
  assert.equal((await page.fetch("/me")).status, 401);
  assert.equal(page.app.of("need").length, 0);
  page.replies.push(() => new Response(null, { status: 419 }));
  const call = page.fetch("/me");
  await until(() => page.app.of("need").length);
  page.app.state(gen(2), { id: page.app.last("need").id });
  assert.equal((await call).status, 200);
});

test("a 401 from elsewhere, after a redirect, is not the token's matter", async () => {
  const page = activePage();
  const elsewhere = Object.defineProperties(unauthorized(), {
    redirected: { value: true },
    url: { value: "https://login.example.com/" },
  });
  page.replies.push(() => elsewhere);
  assert.equal((await page.fetch("/me")).status, 401);
  assert.equal(page.app.of("need").length, 0);
});

test("a network error with a token past its end is taken for a hidden 401, for GET and HEAD", async () => {
  for (const method of ["GET", "HEAD"]) {
    const page = activePage();
    page.replies.push(() => {
      page.clock.pass(600_000);
      return new TypeError("Failed to fetch");
    });
    const call = page.fetch("/me", { method });
    await until(() => page.app.of("need").length);
    assert.equal(page.app.last("need").why, "expiring");
    page.app.state(gen(2), { id: page.app.last("need").id });
    assert.equal((await call).status, 200);
  }
});

test("any other network error is the call's own", async () => {
  const page = activePage();
  page.replies.push(() => new TypeError("Failed to fetch"));
  await assert.rejects(page.fetch("/me"), TypeError);
  page.replies.push(() => {
    page.clock.pass(600_000);
    return new TypeError("Failed to fetch");
  });
  await assert.rejects(page.fetch("/notes", { method: "POST", body: "x" }), TypeError);
  assert.equal(page.app.of("need").length, 0);
});

test("a call that the caller gave up asks nothing, though its token is past its end", async () => {
  const page = activePage();
  const abort = new AbortController();
  page.replies.push(() => {
    page.clock.pass(600_000);
    abort.abort();
    return new TypeError("Failed to fetch");
  });
  await assert.rejects(page.fetch("/me", { signal: abort.signal }));
  assert.equal(page.app.of("need").length, 0);
});

test("a clock that was set back does not prolong a token", async () => {
  const page = activePage();
  page.clock.pass(600_000);
  page.clock.wall -= 3600_000;
  void page.fetch("/me");
  await until(() => page.app.of("need").length);
  assert.equal(page.server.length, 0);
});

test("a token past its end is renewed before it is sent", async () => {
  const page = activePage();
  page.clock.pass(600_000);
  const call = page.fetch("/me");
  await until(() => page.app.of("need").length);
  assert.equal(page.server.length, 0);
  page.app.state(gen(2), { id: page.app.last("need").id });
  await call;
  assert.deepEqual(
    page.server.map(({ authorization }) => authorization),
    [bearer(gen(2))],
  );
});
