import assert from "node:assert/strict";
import test from "node:test";
import * as esbuild from "esbuild";

const [bundle] = esbuild.buildSync({
  stdin: { contents: 'export { takeDevHost } from "./src/ports/devhost.js";', resolveDir: "." },
  bundle: true,
  format: "iife",
  globalName: "client",
  write: false,
}).outputFiles;

class FakeSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: string[] = [];
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    super();
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(text);
  }
  happen(event: Event) {
    if (event.type === "open") this.readyState = 1;
    this.dispatchEvent(event);
  }
}

/** Evaluates the port in a page at that address. */
function visit(href: string, { origin = new URL(href).origin } = {}) {
  const location = new URL(href);
  const urls: string[] = [];
  const history = {
    state: { kept: true },
    replaceState: (state: unknown, _: string, url: string) => urls.push(JSON.stringify(state) + url),
  };
  const window = {
    location,
    history,
    origin,
    Request,
    URL,
    MessageEvent,
    MessagePort,
    WebSocket: FakeSocket,
    setTimeout,
    clearTimeout,
    performance,
    Date,
  };
  const { takeDevHost } = new Function("globalThis", `${bundle?.text}; return client;`)(window);
  return { open: takeDevHost(), urls };
}

const fragment = (host: unknown) => "#tokencast-dev=" + encodeURIComponent(JSON.stringify(host));
const good = { url: "ws://127.0.0.1:4711/bridge", key: "one-time.KEY_1~" };

test("the fragment names the host, and is gone at once", () => {
  const { open, urls } = visit("http://127.0.0.1:3000/app?x=1" + fragment(good));
  assert.ok(open);
  assert.deepEqual(urls, ['{"kept":true}/app?x=1']);
});

test("a page without the fragment has no host, and its own fragment is left alone", () => {
  for (const href of [
    "http://127.0.0.1:3000/",
    "http://127.0.0.1:3000/#/route",
    "https://app.example.com/#tokencast",
  ]) {
    const { open, urls } = visit(href);
    assert.equal(open, undefined);
    assert.deepEqual(urls, []);
  }
});

test("a fragment that cannot be read is removed and connects to nothing", () => {
  const bad = [
    "#tokencast-dev=",
    "#tokencast-dev=%",
    "#tokencast-dev={",
    fragment(null),
    fragment({ url: good.url }),
    fragment({ ...good, key: 'a"b' }),
    fragment({ ...good, key: "" }),
    fragment({ ...good, key: ["k"] }),
    fragment({ ...good, url: "wss://127.0.0.1:4711/bridge" }),
    fragment({ ...good, url: "http://127.0.0.1:4711/bridge" }),
    fragment({ ...good, url: "ws://evil.test/bridge" }),
    fragment({ ...good, url: "ws://127.0.0.1.evil.test/bridge" }),
    fragment({ ...good, url: "ws://127.0.0.1@evil.test/bridge" }),
  ];
  for (const text of bad) {
    const { open, urls } = visit("http://localhost:3000/" + text);
    assert.equal(open, undefined, text);
    assert.equal(urls.length, 1, text);
  }
});

test("a link cannot tie a deployed page to a socket", () => {
  const { open, urls } = visit("https://app.example.com/" + fragment(good));
  assert.equal(open, undefined);
  assert.equal(urls.length, 1);
});

test("a sandboxed document stays without a host", () => {
  assert.equal(visit("http://127.0.0.1:3000/" + fragment(good), { origin: "null" }).open, undefined);
});

test("messages wait for the socket, text is received, the end is told", () => {
  const heard: string[] = [];
  const { open } = visit("http://app.localhost:3000/" + fragment(good));
  const port = open(
    (text: string) => heard.push(text),
    () => heard.push("lost"),
  );
  const socket = FakeSocket.all.at(-1);
  assert.ok(socket);
  assert.equal(socket.url, good.url);
  assert.deepEqual(socket.protocols, ["tokencast.1", "key.one-time.KEY_1~"]);

  port.post("one");
  port.post("two");
  assert.deepEqual(socket.sent, []);
  socket.happen(new Event("open"));
  port.post("three");
  assert.deepEqual(socket.sent, ["one", "two", "three"]);

  socket.happen(new MessageEvent("message", { data: "text" }));
  socket.happen(new MessageEvent("message", { data: new ArrayBuffer(3) }));
  socket.happen(new Event("error"));
  socket.happen(new Event("close"));
  assert.deepEqual(heard, ["text", "lost"]);
});
