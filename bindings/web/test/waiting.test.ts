// Calls that wait for the app: for how long, how many, and what becomes of them.

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

test("a call waits for the app's first answer", async () => {
  const page = openPage();
  const call = page.fetch("/me");
  await quiet();
  assert.equal(page.server.length, 0);
  page.app.state(gen(1), { id: page.app.last("hello").id });
  await call;
  assert.equal(page.server[0]?.authorization, bearer(gen(1)));
});

test("an active app without a token lets calls go at once, and is asked anew by each", async () => {
  const page = openPage();
  const call = page.fetch("/me");
  page.app.state(gen(1), { id: page.app.last("hello").id, at: undefined });
  assert.equal((await call).status, 200);
  assert.equal(page.server[0]?.authorization, null);
  const next = page.fetch("/me");
  await until(() => page.app.of("hello").length === 2);
  page.app.state(gen(1), { id: page.app.last("hello").id });
  await next;
  assert.equal(page.server[1]?.authorization, bearer(gen(1)));
});

test("the signal ends the waiting, with its own reason", async () => {
  const page = activePage();
  page.replies.push(() => unauthorized());
  const abort = new AbortController();
  const call = page.fetch("/me", { signal: abort.signal });
  await until(() => page.app.of("need").length);
  const reason = new Error("the user left");
  abort.abort(reason);
  await assert.rejects(call, reason);
  page.app.state(gen(2), { id: page.app.last("need").id });
  await quiet();
  assert.equal(page.server.length, 1);

  const unsent = openPage();
  await assert.rejects(unsent.fetch("/me", { signal: AbortSignal.abort(reason) }), reason);
});

test("the 401's body is cancelled before the replay", async () => {
  const page = activePage();
  let cancelled = false;
  const body = new ReadableStream({ cancel: () => void (cancelled = true) });
  page.replies.push(
    () => new Response(body, { status: 401 }),
    () => {
      assert.ok(cancelled);
      return new Response("ok");
    },
  );
  const call = page.fetch("/me");
  await until(() => page.app.of("need").length);
  page.app.state(gen(2), { id: page.app.last("need").id });
  assert.equal((await call).status, 200);
});

test("64 calls wait, the next gets its own 401 at once", async () => {
  const page = activePage();
  for (let i = 0; i < 65; i++) page.replies.push(() => unauthorized());
  const calls = Array.from({ length: 65 }, () => page.fetch("/me"));
  await until(() => page.server.length === 65);
  assert.equal((await Promise.race(calls)).status, 401);
  page.app.state(gen(2), { id: page.app.last("need").id });
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 401).length, 1);
});

test("after 15 seconds a waiting call gets its own 401", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/me", {}, () => page.clock.pass(15_000));
  assert.equal(answer.status, 401);
  assert.equal(await answer.text(), "no");
});

test("after 15 seconds without a first answer a call goes out as it is", async () => {
  const page = openPage();
  const call = page.fetch("/me");
  page.clock.pass(15_000);
  assert.equal((await call).status, 200);
  assert.equal(page.server[0]?.authorization, null);
});

test("a refusal concerns only the calls that asked that question", async () => {
  const page = activePage();
  page.replies.push(() => unauthorized());
  const rejected = page.fetch("/me");
  await until(() => page.app.of("need").length === 1);
  page.app.state(gen(1), { exp: 0 });
  const expiring = page.fetch("/late");
  await until(() => page.app.of("need").length === 2);
  page.app.send({ k: "err", id: page.app.last("need").id, code: "busy" });
  assert.equal((await expiring).status, 200);
  page.app.state(gen(2), { id: page.app.of("need")[0]?.id });
  assert.equal((await rejected).status, 200);
  assert.equal(page.server.length, 3);
});

test("the rejected token, told again after the page was put aside, is no newer one", async () => {
  const page = activePage();
  page.replies.push(() => unauthorized());
  const call = page.fetch("/notes", { method: "POST", body: "x" });
  await until(() => page.app.of("need").length);
  page.window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  page.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  page.app.state(gen(1), { id: page.app.last("hello").id });
  await quiet();
  assert.equal(page.server.length, 1);
  page.app.send({ k: "err", id: page.app.last("need").id, code: "refresh_failed" });
  assert.equal((await call).status, 401);
});

test("a call that slept through its time is not replayed", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/notes", { method: "POST", body: "x" }, (id) => {
    page.clock.sleep(8 * 3600_000);
    page.app.state(gen(2), { id });
  });
  assert.equal(answer.status, 401);
  assert.equal(page.server.length, 1);
});

test("an app that refuses leaves the call its own 401, and the next call asks again", async () => {
  const page = activePage();
  for (const code of ["rate", "busy", "refresh_failed", "stale", "unheard_of"]) {
    page.replies.push(() => unauthorized());
    const before = page.app.of("need").length;
    const call = page.fetch("/me");
    await until(() => page.app.of("need").length > before);
    page.app.send({ k: "err", id: page.app.last("need").id, code });
    assert.equal((await call).status, 401, code);
  }
});

test("an answer that cannot be read counts as a refusal", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/me", {}, (id) => page.app.send({ k: "state", id, gen: "?", st: "active" }));
  assert.equal(answer.status, 401);
});

test("a lost connection leaves waiting calls their 401, and later ones are plain", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/me", {}, () => page.app.lost());
  assert.equal(answer.status, 401);
  assert.equal(page.core.state(), "plain");
  assert.equal(page.warnings.length, 1);
  await page.fetch("/me");
  assert.equal(page.server[1]?.authorization, null);

  const starting = openPage();
  const call = starting.fetch("/me");
  starting.app.lost();
  assert.equal((await call).status, 200);
  assert.equal(starting.server[0]?.authorization, null);
});

test("the end of the session leaves waiting calls their 401 and takes the token away", async () => {
  const page = activePage();
  const answer = await rejectThen(page, "/me", {}, () => page.app.send({ k: "ended", gen: gen(1), reason: "revoked" }));
  assert.equal(answer.status, 401);
  await page.fetch("/me");
  assert.equal(page.server[1]?.authorization, null);
});

test("a call of a signed-in document that was not sent yet fails when the session ends", async () => {
  const page = activePage();
  page.clock.pass(600_000);
  const call = page.fetch("/notes", { method: "POST", body: "x" });
  await until(() => page.app.of("need").length);
  page.app.send({ k: "ended", gen: gen(1), reason: "signed_out" });
  await assert.rejects(call, { name: "TokencastError", code: "ended" });
  assert.equal(page.server.length, 0);

  const asleep = activePage();
  asleep.clock.pass(600_000);
  const late = asleep.fetch("/notes", { method: "POST", body: "x" });
  await until(() => asleep.app.of("need").length);
  asleep.clock.sleep(3600_000);
  asleep.app.send({ k: "ended", gen: gen(1), reason: "signed_out" });
  await assert.rejects(late, { name: "TokencastError", code: "ended" });
});

test("a signed-out app lets calls go without a token", async () => {
  const page = openPage();
  const call = page.fetch("/public");
  page.app.send({ k: "ended", id: page.app.last("hello").id, gen: gen(4), reason: "signed_out" });
  assert.equal((await call).status, 200);
  assert.equal(page.server[0]?.authorization, null);
});

test("a waiting POST is never replayed with another account's token", async () => {
  for (const other of [gen(1, 2), gen(9, 1, "another-store")]) {
    const page = activePage();
    const answer = await rejectThen(page, "/notes", { method: "POST", body: "x" }, (id) =>
      page.app.state(other, { id }),
    );
    assert.equal(answer.status, 401);
    await page.fetch("/me");
    assert.equal(page.server.length, 2);
    assert.equal(page.server[1]?.authorization, null);
    assert.equal(page.core.state(), "ended");
  }
});

test("without an app fetch is plain fetch, body factories included", async () => {
  const page = openPage({ plain: true });
  await page.fetch("/me");
  await page.fetch("/notes", { method: "POST", body: () => "made" });
  assert.deepEqual(
    page.server.map(({ authorization, body }) => [authorization, body]),
    [
      [null, ""],
      [null, "made"],
    ],
  );
});
