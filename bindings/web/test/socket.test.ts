// The socket helper in a real browser, against a real WebSocket server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { brotliCompressSync } from "node:zlib";
import { WebSocketServer } from "ws";
import { call, story, tokenOf } from "./world.js";

test("the socket helpers have at most 1,024 bytes after brotli", () => {
  const size = brotliCompressSync(readFileSync("dist/socket.js")).length;
  assert.ok(size <= 1024, `${size} bytes`);
});

story("a socket signs in first, again with a newer token, and is closed at the end of the session", async (world) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  try {
    await once(server, "listening");
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/feed`;
    const received: string[] = [];
    const urls: (string | undefined)[] = [];
    let closed: number | undefined;
    server.on("connection", (socket, request) => {
      urls.push(request.url);
      socket.on("message", (data) => {
        received.push(String(data));
        socket.send(`heard ${received.length}`);
      });
      socket.on("close", (code) => (closed = code));
    });

    const page = await world.visit();
    await page.evaluate(
      async ([url, module]) => {
        const { authenticate } = await import(module);
        const socket = new WebSocket(url);
        const state = { heard: 0, closed: false };
        authenticate(socket, session, { message: (token: string) => JSON.stringify({ auth: token }) });
        socket.addEventListener("open", () => socket.send("hello"));
        socket.addEventListener("message", () => state.heard++);
        socket.addEventListener("close", () => (state.closed = true));
        Object.assign(globalThis, { feed: state });
      },
      [url, "/socket.js"] as const,
    );
    const feed = (heard: number) =>
      page.waitForFunction((heard) => (globalThis as unknown as { feed: { heard: number } }).feed.heard >= heard, heard);
    await feed(2);
    world.api.accepted = 2;
    await call(page, `${world.apiUrl}/me`);
    await feed(3);
    world.app.end("signed_out");
    await page.waitForFunction(() => (globalThis as unknown as { feed: { closed: boolean } }).feed.closed);
    assert.deepEqual(received, [JSON.stringify({ auth: tokenOf(1) }), "hello", JSON.stringify({ auth: tokenOf(2) })]);
    assert.deepEqual(urls, ["/feed"]);
    assert.ok(closed === undefined || closed === 1000);
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
});

story("a socket with a subprotocol is opened anew for a newer token, and closed at the end of the session", async (world) => {
  let refused = "none";
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: () => "feed.1",
    verifyClient: ({ req }: { req: IncomingMessage }) => !req.headers["sec-websocket-protocol"]?.endsWith(refused),
  });
  try {
    await once(server, "listening");
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/feed`;
    const offered: string[] = [];
    const closed: (readonly [number, number])[] = [];
    server.on("connection", (socket, request) => {
      const number = offered.push(request.headers["sec-websocket-protocol"] as string);
      socket.send(`welcome ${number}`);
      socket.on("close", (code) => closed.push([number, code]));
    });
    const page = await world.visit();
    await page.evaluate(
      async ([url, module]) => {
        const { openSocket } = await import(module);
        const log: string[] = [];
        openSocket(session, url, {
          protocols: (token: string) => ["feed.1", `bearer.${token}`],
          onSocket(socket: WebSocket) {
            socket.addEventListener("message", ({ data }) => log.push(`${socket.protocol} ${data}`));
            socket.addEventListener("close", () => log.push("closed"));
          },
        });
        Object.assign(globalThis, { log });
      },
      [url, "/socket.js"] as const,
    );
    const logged = (lines: string[]) =>
      page.waitForFunction(
        (lines) => JSON.stringify((globalThis as unknown as { log: string[] }).log) === lines,
        JSON.stringify(lines),
      );
    await logged(["feed.1 welcome 1"]);
    world.api.accepted = 2;
    await call(page, `${world.apiUrl}/me`);
    await logged(["feed.1 welcome 1", "feed.1 welcome 2", "closed"]);
    // One that does not open leaves the one before it alone.
    refused = tokenOf(3);
    world.api.accepted = 3;
    await call(page, `${world.apiUrl}/me`);
    await logged(["feed.1 welcome 1", "feed.1 welcome 2", "closed", "closed"]);
    assert.equal(server.clients.size, 1);
    world.app.end("signed_out");
    await logged(["feed.1 welcome 1", "feed.1 welcome 2", "closed", "closed", "closed"]);
    assert.deepEqual(offered, [`feed.1, bearer.${tokenOf(1)}`, `feed.1, bearer.${tokenOf(2)}`]);
    assert.deepEqual(closed[0], [1, 1000]);
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
});

story("a subprotocol that cannot be offered is an error without the token, and so is one that stands twice", async (world) => {
  const page = await world.visit();
  for (const [before, after] of [
    ["a", "/="],
    ["", ""],
  ] as const) {
    const failed = page.waitForEvent("pageerror");
    await page.evaluate(
      async ([module, before, after]) => {
        const { openSocket } = await import(module);
        const protocols = (token: string) => [before + token + after, token];
        openSocket(session, "ws://127.0.0.1:9/", { protocols, onSocket() {} });
      },
      ["/socket.js", before, after] as const,
    );
    const error = await failed;
    assert.equal(error.name, "TokencastError");
    assert.ok(!`${error.message}${error.stack}`.includes("canary"), error.message);
  }
});
