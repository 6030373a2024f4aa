// A page that refreshes itself, against a scripted app.

import assert from "node:assert/strict";
import test from "node:test";
import type { Session } from "../src/index.js";
import type { RefreshedTokens, RefreshExchange, RefreshLease } from "../src/self-refresh.js";
import { activePage, bearer, gen, openPage, quiet, tokenOf, unauthorized, until } from "./page.js";

const REFRESH_TOKEN = "r3fr3sh";
const NEXT = "r3fr3sh-next";

/** A page whose policy lends, with an exchange of its own. */
function lendingPage(exchange: RefreshExchange, mode = "self") {
  const page = openPage();
  page.app.state(gen(1), { id: page.app.last("hello").id, mode });
  const session = { [page.modules.LEND]: page.core.lend } as unknown as Session;
  page.modules.selfRefresh(session, exchange);
  const lend = (fields: object = {}) =>
    page.app.send({
      ...{ k: "lease", id: page.app.last("lease").id, lease: "l1", ttl: 20_000, base: gen(1) },
      ...{ rt: REFRESH_TOKEN, key: "key-1" },
      ...fields,
    });
  /** A call that the API rejects, up to the page's question. */
  const rejectedCall = async (kind = "lease") => {
    const asked = page.app.of(kind).length;
    page.replies.push(() => unauthorized());
    const call = page.fetch("/me");
    await until(() => page.app.of(kind).length > asked);
    return call.then((response) => response);
  };
  return { ...page, session, lend, rejectedCall };
}

const tokens = (): RefreshedTokens => ({ accessToken: tokenOf(gen(2)), refreshToken: NEXT, expiresIn: 60.5 });

/** Fails the test of an uncaught error that was expected and did not come. */
function uncaught(page: ReturnType<typeof lendingPage>): unknown {
  try {
    page.clock.pass(0);
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

test("a 401 is answered by the page's own exchange, and the app takes over what it brought", async () => {
  const leases: RefreshLease[] = [];
  const page = lendingPage(async (lease) => {
    leases.push(lease);
    return tokens();
  });
  const call = { answer: page.rejectedCall() };
  await until(() => page.app.of("lease").length);
  assert.deepEqual(page.app.last("lease"), { v: 1, id: page.app.last("lease").id, k: "lease" });
  page.lend();
  await until(() => page.app.of("handover").length);
  const { id, ...handover } = page.app.last("handover");
  assert.deepEqual(handover, {
    ...{ v: 1, k: "handover", lease: "l1", base: gen(1), at: tokenOf(gen(2)), rt: NEXT, exp: 60_500 },
  });
  const { signal, ...lent } = leases[0] as RefreshLease;
  assert.deepEqual(lent, { accessToken: tokenOf(gen(1)), refreshToken: REFRESH_TOKEN, idempotencyKey: "key-1" });
  page.app.state(gen(2), { id, mode: "self" });
  assert.equal((await call.answer).status, 200);
  assert.equal(page.server[1]?.authorization, bearer(gen(2)));
  assert.equal(page.app.of("need").length, 0);
  page.clock.pass(30_000);
  assert.ok(!signal.aborted);
});

test("calls that were rejected together share one lease, and one later than that borrows again", async () => {
  let exchanges = 0;
  const page = lendingPage(async () => {
    exchanges++;
    return tokens();
  });
  page.replies.push(() => unauthorized(), () => unauthorized());
  const calls = [page.fetch("/a"), page.fetch("/b")];
  await until(() => page.server.length === 2);
  await quiet();
  page.lend();
  await until(() => page.app.of("handover").length);
  page.app.state(gen(2), { id: page.app.last("handover").id, mode: "self" });
  for (const call of calls) assert.equal((await call).status, 200);
  assert.deepEqual([exchanges, page.app.of("lease").length], [1, 1]);

  const later = page.rejectedCall();
  await until(() => page.app.of("lease").length === 2);
  page.lend({ lease: "l2", base: gen(2) });
  await until(() => page.app.of("handover").length === 2);
  page.app.state(gen(3), { id: page.app.last("handover").id, mode: "self" });
  assert.equal((await later).status, 200);
});

test("a server that does not rotate brings no refresh token", async () => {
  const page = lendingPage(async () => ({ accessToken: "a", expiresIn: 0 }));
  page.rejectedCall();
  await until(() => page.app.of("lease").length);
  page.lend();
  await until(() => page.app.of("handover").length);
  const { at, exp, ...rest } = page.app.last("handover");
  assert.deepEqual([at, exp, "rt" in rest], ["a", 0, false]);
});

test("where the policy does not lend, and where no exchange is named, the app refreshes", async () => {
  const page = lendingPage(async () => assert.fail("exchanged"), "inject");
  const call = page.rejectedCall("need");
  await until(() => page.app.of("need").length);
  page.app.state(gen(2), { id: page.app.last("need").id });
  assert.equal((await call).status, 200);

  const without = activePage();
  without.app.state(gen(1), { mode: "self" });
  without.replies.push(() => unauthorized());
  const answer = without.fetch("/me");
  await until(() => without.app.of("need").length);
  without.app.state(gen(2), { id: without.app.last("need").id });
  assert.equal((await answer).status, 200);
  assert.equal(without.app.of("lease").length, 0);
});

test("a lease that was refused is no end: the app is asked to refresh", async () => {
  for (const code of ["denied", "rate", "busy", "unsupported"]) {
    const page = lendingPage(async () => assert.fail("exchanged"));
    const call = page.rejectedCall();
    await until(() => page.app.of("lease").length);
    page.app.send({ k: "err", id: page.app.last("lease").id, code });
    assert.equal(page.core.state(), "active");
    page.app.state(gen(2), { id: page.app.last("need").id, mode: "self" });
    assert.equal((await call).status, 200, code);
  }
});

test("a newer state instead of a lease serves the call", async () => {
  const page = lendingPage(async () => assert.fail("exchanged"));
  const call = page.rejectedCall();
  await until(() => page.app.of("lease").length);
  page.app.state(gen(2), { id: page.app.last("lease").id, mode: "self" });
  assert.equal((await call).status, 200);
  assert.equal(page.app.of("need").length, 0);
});

test("an exchange that fails is reported, nothing is handed over, and the app is asked to refresh", async () => {
  const reason = new Error("the token endpoint is away");
  const failures: [RefreshExchange, unknown][] = [
    [() => Promise.reject(reason), reason],
    [
      () => {
        throw reason;
      },
      reason,
    ],
    [async () => undefined as never, "invalid_tokens"],
    [async () => ({ accessToken: "", expiresIn: 60 }), "invalid_tokens"],
    [async () => ({ accessToken: "a", expiresIn: NaN }), "invalid_tokens"],
    [async () => ({ accessToken: "a", refreshToken: 7 as never, expiresIn: 60 }), "invalid_tokens"],
    [async () => Object.create({ accessToken: "a", expiresIn: 60 }), "invalid_tokens"],
  ];
  for (const [exchange, expected] of failures) {
    const page = lendingPage(exchange);
    const call = page.rejectedCall();
    await until(() => page.app.of("lease").length);
    page.lend();
    await until(() => page.app.of("need").length);
    const error = uncaught(page) as { code?: string; message: string };
    if (typeof expected === "string") assert.equal(error.code, expected);
    else assert.equal(error, expected);
    assert.ok(!error.message.includes(REFRESH_TOKEN));
    assert.equal(page.app.of("handover").length, 0);
    page.app.state(gen(2), { id: page.app.last("need").id, mode: "self" });
    assert.equal((await call).status, 200);
  }
});

test("the exchange is aborted 5 seconds before the lease lapses", async () => {
  let lease: RefreshLease | undefined;
  const page = lendingPage((given) => {
    lease = given;
    return new Promise((_, reject) => given.signal.addEventListener("abort", () => reject(given.signal.reason)));
  });
  page.rejectedCall();
  await until(() => page.app.of("lease").length);
  page.lend({ ttl: 12_000 });
  page.clock.pass(6_999);
  assert.equal(lease?.signal.aborted, false);
  page.clock.pass(1);
  assert.equal(lease?.signal.reason.code, "timed_out");
  await until(() => page.app.of("need").length);
  assert.equal((uncaught(page) as { code: string }).code, "timed_out");
  assert.equal(page.app.of("handover").length, 0);
});

test("what an exchange brings in spite of its signal is handed over until the lease lapses, and not after", async () => {
  for (const [ms, handedOver] of [
    [11_999, 1],
    [12_000, 0],
  ] as const) {
    let bring = (_: RefreshedTokens) => {};
    const page = lendingPage(() => new Promise((resolve) => (bring = resolve)));
    page.rejectedCall();
    await until(() => page.app.of("lease").length);
    page.lend({ ttl: 12_000 });
    page.clock.pass(ms);
    bring(tokens());
    await quiet();
    assert.equal(page.app.of("handover").length, handedOver);
    assert.equal(page.app.of("need").length, 1 - handedOver);
  }
});

test("a session takes one exchange, and a plain one of another version none", () => {
  const page = lendingPage(async () => tokens());
  const misconfigured = { name: "TokencastError", code: "misconfigured" };
  assert.throws(() => page.modules.selfRefresh(page.session, async () => tokens()), misconfigured);
  assert.throws(() => page.modules.selfRefresh({} as Session, async () => tokens()), misconfigured);
});
