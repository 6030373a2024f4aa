import assert from "node:assert/strict";
import test from "node:test";
import type { AccessToken } from "../src/index.js";
import { activePage, gen, openPage, stateOf, tokenOf } from "./page.js";

test("a page says hello with its document's name and holds what it is given", () => {
  const page = openPage();
  const { doc, ...hello } = page.app.last("hello");
  assert.deepEqual(hello, { v: 1, id: "1", k: "hello", min: 1, max: 1, have: null, resume: false });
  assert.match(doc as string, /^\d+-\d+-\d+-\d+$/);
  assert.equal(page.core.state(), "connecting");

  page.app.state(gen(1), { id: "1" });
  assert.equal(page.core.state(), "active");
  assert.deepEqual(page.core.held()?.gen, gen(1));
});

test("what it holds is acknowledged a little later, and once", () => {
  const page = activePage();
  const acks = () => page.app.of("ack").map(({ have }) => have);
  page.clock.pass(100);
  page.app.state(gen(2));
  assert.deepEqual(acks(), []);
  page.clock.pass(150);
  assert.deepEqual(acks(), [gen(2)]);
  page.clock.pass(1000);
  assert.deepEqual(acks(), [gen(2)]);
  // That a pushed one arrived is the result of its script.
  page.core.receive(JSON.stringify({ v: 1, ...stateOf(gen(3)) }));
  assert.deepEqual(page.core.held()?.gen, gen(3));
  page.clock.pass(1000);
  assert.deepEqual(acks(), [gen(2)]);
});

test("two documents have different names", () => {
  assert.notEqual(openPage().app.last("hello").doc, openPage().app.last("hello").doc);
});

test("locked and restoring are told as they are, with or without a generation", () => {
  const page = openPage();
  page.app.send({ k: "state", st: "restoring", api: [] });
  assert.equal(page.core.state(), "restoring");
  page.app.state(gen(1), { st: "locked", at: undefined });
  assert.equal(page.core.state(), "locked");
  page.app.state(gen(1));
  assert.equal(page.core.state(), "active");
});

test("an app that is locked again does not end the document's session", () => {
  const page = activePage();
  page.app.state(gen(1, 2), { st: "locked", at: undefined });
  assert.equal(page.core.state(), "locked");
  assert.deepEqual(page.core.held()?.gen, gen(1));
});

test("a newer generation is pulled when the app speaks of it, an older one is not", () => {
  const page = activePage();
  page.app.send({ k: "notify", gen: gen(1) });
  assert.equal(page.app.of("hello").length, 1);
  page.app.send({ k: "notify", gen: gen(2) });
  page.app.send({ k: "notify", gen: gen(3) });
  assert.equal(page.app.of("hello").length, 2);
  assert.deepEqual(page.app.last("hello").have, gen(1));
  assert.equal(page.app.last("hello").resume, true);
});

test("a flood of notices has one question under way", () => {
  const page = activePage();
  for (let i = 2; i < 10_000; i++) page.app.send({ k: "notify", gen: gen(i) });
  assert.equal(page.app.of("hello").length, 2);
});

test("a busy app is asked again after the time it names, and never at once", () => {
  const page = openPage();
  page.app.send({ k: "err", id: "1", code: "busy", retry_ms: 3000 });
  page.clock.pass(2999);
  assert.equal(page.app.of("hello").length, 1);
  page.clock.pass(1);
  assert.equal(page.app.of("hello").length, 2);
  page.app.send({ k: "err", id: page.app.last("hello").id, code: "busy", retry_ms: 0 });
  page.clock.pass(249);
  assert.equal(page.app.of("hello").length, 2);
});

test("an app that does not answer is asked again", () => {
  const page = openPage();
  page.clock.pass(15_000);
  page.clock.pass(250);
  assert.equal(page.app.of("hello").length, 2);
});

test("a page that the app refuses, or cannot talk to, is a plain page", () => {
  for (const refusal of [{ code: "denied" }, { code: "version", id: "1" }]) {
    const page = openPage();
    page.app.send({ k: "err", ...refusal });
    assert.equal(page.core.state(), "plain");
    page.app.state(gen(1));
    assert.equal(page.core.held(), undefined);
    page.app.lost();
    assert.equal(page.warnings.length, 1);
  }
});

test("callbacks get the current token and every newer one, no token twice", () => {
  const page = activePage();
  const seen: AccessToken[] = [];
  page.core.onAccessToken((token) => seen.push(token));
  assert.equal(seen.length, 0);
  page.clock.pass(0);
  page.app.state(gen(3));
  page.app.state(gen(2));
  page.app.state(gen(3));
  assert.deepEqual(seen, [
    { value: tokenOf(gen(1)), generation: { store: "store", epoch: 1, number: 1 } },
    { value: tokenOf(gen(3)), generation: { store: "store", epoch: 1, number: 3 } },
  ]);
});

test("a callback that unsubscribed is not called, even with the current token", () => {
  const page = activePage();
  const fail = () => assert.fail("called");
  const unsubscribe = page.core.onAccessToken(fail);
  unsubscribe();
  unsubscribe();
  page.clock.pass(0);
  page.app.state(gen(2));
});

test("a callback may unsubscribe while it is called", () => {
  const page = activePage();
  const calls: string[] = [];
  const first = page.core.onAccessToken(() => {
    calls.push("first");
    first();
  });
  page.core.onAccessToken(() => calls.push("second"));
  page.clock.pass(0);
  page.app.state(gen(2));
  assert.deepEqual(calls, ["first", "second", "second"]);
});

test("a callback that throws is reported and stops no other", () => {
  const page = activePage();
  let called = 0;
  page.core.onAccessToken(() => {
    throw new Error("the page's own");
  });
  page.core.onAccessToken(() => called++);
  page.app.state(gen(2));
  assert.equal(called, 1);
  assert.throws(() => page.clock.pass(0), /the page's own/);
});

test("the end is told once, to late callbacks as well", () => {
  const page = activePage();
  const reasons: string[] = [];
  page.core.onEnded(({ reason }) => reasons.push(reason));
  page.app.send({ k: "ended", gen: gen(1), reason: "password_changed" });
  page.app.send({ k: "ended", gen: gen(1), reason: "expired" });
  page.core.onEnded(({ reason }) => reasons.push(`late ${reason}`));
  page.clock.pass(0);
  assert.deepEqual(reasons, ["password_changed", "late password_changed"]);
  assert.equal(page.core.state(), "ended");
  assert.equal(page.core.held(), undefined);
});

test("nothing is taken after the end of the document's epoch, not even a restoring app", () => {
  const page = activePage();
  page.app.send({ k: "ended", gen: gen(1), reason: "signed_out" });
  page.app.state(gen(2));
  page.app.state(gen(1, 2));
  page.app.send({ k: "state", st: "restoring", api: [] });
  assert.equal(page.core.state(), "ended");
  assert.equal(page.core.held(), undefined);
});

test("a document opened while signed out joins the next sign-in", () => {
  const page = openPage();
  page.app.send({ k: "ended", id: "1", gen: gen(3), reason: "signed_out" });
  assert.equal(page.core.state(), "ended");
  page.app.send({ k: "notify", gen: gen(1, 2) });
  page.app.state(gen(1, 2), { id: page.app.last("hello").id });
  assert.equal(page.core.state(), "active");
  page.core.onEnded(() => assert.fail("it has begun anew"));
  page.clock.pass(0);
});

test("an app that lost the document, or says it is over, is asked for the news", () => {
  for (const code of ["stale", "ended"]) {
    const page = activePage();
    page.app.send({ k: "err", id: "99", code });
    assert.equal(page.app.of("hello").length, 2);
  }
});

test("an app that refuses the greeting is greeted again, but not at once", () => {
  const page = openPage();
  for (let greetings = 1; greetings < 10; greetings++) {
    assert.equal(page.app.of("hello").length, greetings);
    page.app.send({ k: "err", id: page.app.last("hello").id, code: "stale", retry_ms: 0 });
    page.clock.pass(249);
    assert.equal(page.app.of("hello").length, greetings);
    page.clock.pass(1);
  }
});

const pageTransition = (type: string, persisted: boolean) => Object.assign(new Event(type), { persisted });

test("a page that is left says bye and drops its token", () => {
  const page = activePage();
  page.window.dispatchEvent(pageTransition("pagehide", false));
  assert.equal(page.app.last("bye").why, "pagehide");
  assert.equal(page.core.held(), undefined);
});

test("a page that comes back asks again, and belongs to its epoch still", () => {
  const page = activePage();
  page.window.dispatchEvent(pageTransition("pagehide", true));
  assert.equal(page.app.of("bye").length, 0);
  assert.equal(page.core.held(), undefined);
  assert.equal(page.core.state(), "connecting");
  page.window.dispatchEvent(pageTransition("pageshow", true));
  const { have, resume } = page.app.last("hello");
  assert.deepEqual({ have, resume }, { have: null, resume: true });
  page.app.state(gen(1, 2));
  assert.equal(page.core.state(), "ended");
});

test("a page that is seen again, or online again, asks for news", () => {
  const page = activePage();
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(page.app.of("hello").length, 2);
  page.app.state(gen(1), { id: page.app.last("hello").id });
  page.document.visibilityState = "hidden";
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(page.app.of("hello").length, 2);
  page.window.dispatchEvent(new Event("online"));
  assert.equal(page.app.of("hello").length, 3);
});

test("a prerendered page says nothing until it is a real one", () => {
  const page = openPage({ prerendering: true });
  assert.equal(page.app.sent.length, 0);
  page.document.dispatchEvent(new Event("prerenderingchange"));
  assert.equal(page.app.of("hello").length, 1);
});

test("a page whose connection is lost says no more", () => {
  const page = openPage();
  page.app.send({ k: "ended", id: "1", gen: gen(1), reason: "expired" });
  page.app.lost();
  page.window.dispatchEvent(new Event("online"));
  page.clock.pass(60_000);
  assert.equal(page.app.sent.length, 1);
});

test("a lost connection is told once, and the end stays the end", () => {
  const page = activePage();
  page.app.send({ k: "ended", gen: gen(1), reason: "expired" });
  page.app.lost();
  assert.equal(page.core.state(), "ended");

  const other = activePage();
  other.app.lost();
  assert.equal(other.core.state(), "plain");
  assert.equal(other.core.held(), undefined);
  assert.equal(other.warnings.length, 1);
  assert.ok(!JSON.stringify(other.warnings).includes("token-"));
});
