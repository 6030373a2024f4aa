import assert from "node:assert/strict";
import test from "node:test";
import { encode, parseMessage } from "../src/protocol.js";
import { gen } from "./page.js";
import { randomFrom } from "./random.js";

const state = {
  v: 1,
  k: "state",
  id: "1",
  gen: gen(3),
  st: "active",
  at: "token",
  exp: 1000,
  api: [{ origin: "https://a.example", rejected: [401] }],
  mode: "inject",
};
const api = Object.assign(Object.create(null), { "https://a.example": [401] });
const parse = (message: unknown) => parseMessage(JSON.stringify(message));

test("the app's messages are read as bridge.md writes them", () => {
  assert.deepEqual(parse(state), { k: "state", id: "1", gen: gen(3), st: "active", at: "token", exp: 1000, api, mode: "inject" });
  assert.deepEqual(parse({ v: 1, k: "notify", gen: gen(4) }), { k: "notify", id: undefined, gen: gen(4) });
  assert.deepEqual(parse({ v: 1, k: "ended", gen: gen(4), reason: "revoked" }), {
    k: "ended",
    id: undefined,
    gen: gen(4),
    reason: "revoked",
  });
  const lease = { v: 1, k: "lease", id: "3", lease: "l", ttl: 20_000, base: gen(4), rt: "r", key: "k" };
  assert.deepEqual(parse(lease), Object.assign(Object.create(null), lease));
  assert.deepEqual(parse({ v: 1, k: "err", id: "2", code: "rate", retry_ms: 5000 }), {
    k: "err",
    id: "2",
    code: "rate",
    retryIn: 5000,
  });
});

test("the page's messages are written as bridge.md reads them", () => {
  assert.deepEqual(JSON.parse(encode("7", { k: "need", used: gen(2), why: "401" })), {
    v: 1,
    id: "7",
    k: "need",
    used: gen(2),
    why: "401",
  });
});

test("unknown fields are ignored, unknown kinds and broken messages become `unknown` and keep their id", () => {
  assert.equal(parse({ ...state, later: { deep: [1] } })?.k, "state");
  const broken: object[] = [
    { k: "lease" },
    { k: 7 },
    { k: "state", gen: null },
    { k: "state", at: "with space" },
    { k: "state", at: "line\nbreak" },
    { k: "state", at: "\0" },
    { k: "state", at: "\u2028" },
    { k: "state", at: "" },
    { k: "state", at: 7 },
    { k: "state", st: "signed_in" },
    { k: "state", api: {} },
    { k: "state", gen: { s: "store", e: -1, g: 1 } },
    { k: "state", gen: { s: "store", e: 1, g: 1.5 } },
    { k: "state", gen: { s: 1, e: 1, g: 1 } },
    { k: "state", gen: undefined, st: "locked" },
    { k: "notify", gen: "3" },
    { k: "ended", gen: undefined },
    { k: "err", code: 4 },
  ];
  for (const fields of broken)
    assert.deepEqual(parse({ ...state, ...fields }), { k: "unknown", id: "1" }, JSON.stringify(fields));
});

test("an app that does not know its epoch yet may say so", () => {
  const { gen: _, at: __, ...rest } = state;
  assert.deepEqual(parse({ ...rest, st: "restoring" }), {
    k: "state",
    id: "1",
    gen: undefined,
    st: "restoring",
    at: undefined,
    exp: 1000,
    api,
    mode: "inject",
  });
});

test("every printable character of a token is let through, and 16 KiB of them", () => {
  const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join("");
  const token = printable.repeat(175).slice(0, 16_384);
  const message = parse({ ...state, at: token });
  assert.ok(message?.k === "state" && message.at === token);
});

test("what is no message of this version is nothing", () => {
  for (const text of [
    "",
    "{",
    "null",
    "7",
    '"x"',
    "[]",
    "{}",
    '{"v":2,"k":"state"}',
    `{"v":1,"k":"${"x".repeat(70_000)}"}`,
    "[".repeat(60_000),
  ]) {
    assert.equal(parseMessage(text), undefined, text.slice(0, 40));
  }
});

test("no mutilated message makes the parser throw, or gives a token where it should not", () => {
  const seeds = [JSON.stringify(state), JSON.stringify({ v: 1, k: "ended", id: "1", gen: gen(1), reason: "expired" })];
  const junk = [
    "null",
    "1e999",
    "-1",
    '"',
    "{",
    "}",
    "[",
    ",",
    ":",
    "\\",
    "\u2028",
    "\0",
    '{"__proto__":1}',
    "[[[[",
    '"at"',
    "true",
  ];
  for (let seed = 0; seed < 20_000; seed++) {
    const { below, pick } = randomFrom(seed);
    let text = pick(seeds);
    for (let edits = 1 + below(4); edits > 0; edits--) {
      const at = below(text.length);
      text = text.slice(0, at) + (below(2) ? pick(junk) : "") + text.slice(at + below(6));
    }
    const message = parseMessage(text);
    if (message?.k !== "state") continue;
    assert.ok(message.gen || message.at === undefined, `seed ${seed}`);
    assert.ok(message.at === undefined || /^[!-~]+$/.test(message.at), `seed ${seed}`);
    assert.equal(typeof message.exp, "number", `seed ${seed}`);
  }
});

test("a getter planted on Object.prototype never sees the message", () => {
  const seen: unknown[] = [];
  const names = [
    "exp",
    "id",
    "reason",
    "code",
    "retry_ms",
    "api",
    "mode",
    "gen",
    "origin",
    "rejected",
    "st",
    "s",
    "e",
    "g",
    "at",
    "k",
    "v",
  ];
  for (const name of names)
    Object.defineProperty(Object.prototype, name, {
      configurable: true,
      get: function (this: object) {
        seen.push(Object.keys(this));
        return undefined;
      },
    });
  try {
    parseMessage('{"v":1,"k":"state","gen":{"s":"store","e":1,"g":1},"st":"active","at":"secret","api":[{}]}');
    parseMessage('{"v":1,"k":"err","at":"secret"}');
    parseMessage('{"v":1,"at":"secret"}');
    parseMessage('{"at":"secret"}');
  } finally {
    for (const name of names) delete (Object.prototype as Record<string, unknown>)[name];
  }
  assert.ok(!seen.flat().includes("at"), JSON.stringify(seen));
});
