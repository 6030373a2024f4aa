// The socket helper in a real browser, against a real WebSocket server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { brotliCompressSync } from "node:zlib";
import { WebSocketServer } from "ws";
import { call, story, tokenOf } from "./world.js";

test("the socket helper has at most 512 bytes after brotli", () => {
  const size = brotliCompressSync(readFileSync("dist/socket.js")).length;
  assert.ok(size <= 512, `${size} bytes`);
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
