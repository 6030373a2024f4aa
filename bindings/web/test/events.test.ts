// Server-sent events over the session's fetch: the format, and streams from a real server in a real browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import type { Page } from "playwright-core";
import { readEventStream } from "../src/event-stream.js";
import { randomFrom } from "./random.js";
import { story, tokenOf } from "./world.js";

/** Reads a stream that comes in these pieces. */
function read(...pieces: string[]): unknown[] {
  const seen: unknown[] = [];
  const take = readEventStream(
    {
      event: (type, data, id) => type && seen.push([type, data, id]),
      retry: (ms) => seen.push(ms),
    },
    "",
  );
  pieces.forEach(take);
  return seen;
}

test("the examples of the HTML standard are read as it says", () => {
  assert.deepEqual(read("data: YHOO\ndata: +2\ndata: 10\n\n"), [["message", "YHOO\n+2\n10", ""]]);
  assert.deepEqual(read(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"), [
    ["message", "first event", "1"],
    ["message", "second event", ""],
    ["message", " third event", ""],
  ]);
  assert.deepEqual(read("data\n\ndata\ndata\n\ndata:"), [
    ["message", "", ""],
    ["message", "\n", ""],
  ]);
  assert.deepEqual(read("data:test\n\ndata: test\n\n"), [
    ["message", "test", ""],
    ["message", "test", ""],
  ]);
  assert.deepEqual(read("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n"), [
    ["add", "73857293", ""],
    ["remove", "2153", ""],
  ]);
});

test("fields that do not count are left out", () => {
  assert.deepEqual(read("retry: 10\nretry: 1s\nretry: -1\nretry:\nid: a\0b\ndata: x\nunknown: y\nDATA: z\n\n"), [10, ["message", "x", ""]]);
  assert.deepEqual(read("event: add\n\ndata: x\n\n"), [["message", "x", ""]]);
  assert.deepEqual(read("data: never finished\n"), []);
});

const HARD =
  "\uFEFF: comment\r\nid: 1\r\ndata: a\r\ndata: b\r\n\r\nevent: é\rdata: c\r\rdata: d\n\nid: 2\n\ndata\n\n" +
  "retry: 5\ndata:\ud83d\ude00\n\nid:\ndata:e\n\nid: z\0\ndata:  f \n\n:\n\ndata:g\revent:last\r\n\r\ndata: cut off";

test("the pieces in which a stream comes do not matter", () => {
  const whole = read(HARD.slice(1));
  assert.ok(whole.length > 6);
  for (let seed = 1; seed <= 500; seed++) {
    const { below } = randomFrom(seed);
    const pieces: string[] = [];
    for (let at = 1; at < HARD.length; ) {
      const end = at + below(4);
      pieces.push(HARD.slice(at, end));
      at = end;
    }
    assert.deepEqual(read(...pieces), whole, `seed ${seed}`);
  }
});

interface Connection {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly response: ServerResponse;
}

/** A server whose streams the test writes. */
async function openServer(answer: (connection: Connection, number: number) => void) {
  const connections: Connection[] = [];
  const server = createServer((request, response) => {
    const cors = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*, authorization, last-event-id" };
    for (const [name, value] of Object.entries(cors)) response.setHeader(name, value);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    const connection = { headers: request.headers, response };
    answer(connection, connections.push(connection));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    connections,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const stream = ({ response }: Connection, text = "") => {
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  response.write(text);
};

/** Opens the stream in the page, whose list of APIs has it, and logs what happens. */
async function openInPage(page: Page, url: string, types = ["open", "message", "error"]): Promise<void> {
  await page.evaluate(
    async ([url, client, events, types]) => {
      const { connect } = await import(client as string);
      const { openEvents } = await import(events as string);
      const stream = openEvents(connect({ api: [new URL(url as string).origin] }), url);
      const log: unknown[] = [];
      for (const type of types as string[])
        stream.addEventListener(type, (event: MessageEvent) =>
          log.push(event.data === undefined ? [type, stream.readyState] : [type, event.data, event.lastEventId, event.origin]),
        );
      Object.assign(globalThis, { stream, log });
    },
    [url, "/tokencast.js", "/events.js", types] as const,
  );
}

const log = (page: Page) => page.evaluate(() => (globalThis as unknown as { log: unknown[][] }).log);
const logged = (page: Page, length: number) =>
  page.waitForFunction((length) => (globalThis as unknown as { log: unknown[] }).log.length >= length, length);

story("a stream carries the token, and is read as the browser reads it", async (world) => {
  const server = await openServer((connection) => stream(connection, HARD));
  try {
    world.app.more = new URL(server.url).origin;
    const page = await world.visit();
    const types = ["message", "é", "last"];
    await openInPage(page, server.url, types);
    await logged(page, 7); // so that the server knows them apart
    await page.evaluate(
      ([url, types]) => {
        const native: unknown[] = [];
        const source = new EventSource(url as string);
        for (const type of types as string[])
          source.addEventListener(type, (event) => native.push([type, event.data, event.lastEventId, event.origin]));
        Object.assign(globalThis, { native });
      },
      [server.url, types] as const,
    );
    await page.waitForFunction(() => (globalThis as unknown as { native: unknown[] }).native.length >= 7);
    assert.deepEqual(await log(page), await page.evaluate(() => (globalThis as unknown as { native: unknown[] }).native));
    const [ours, native] = server.connections.map(({ headers }) => headers);
    assert.equal(ours?.authorization, `Bearer ${tokenOf(1)}`);
    assert.equal(ours?.accept, native?.accept);
    assert.equal(native?.authorization, undefined);
  } finally {
    server.close();
  }
});

story("a stream that ends is connected again where it stopped, with the newer token", async (world) => {
  const server = await openServer((connection, number) => {
    if (number === 1) {
      stream(connection, "retry: 10\nid: é1\ndata: one\n\ndata: lost");
      return void connection.response.end();
    }
    if (connection.headers.authorization !== `Bearer ${tokenOf(2)}`) return void connection.response.writeHead(401).end();
    stream(connection, "data: two\n\n");
  });
  try {
    world.app.more = new URL(server.url).origin;
    const page = await world.visit();
    await openInPage(page, server.url);
    await logged(page, 5);
    const { origin } = new URL(server.url);
    assert.deepEqual(await log(page), [
      ["open", 1],
      ["message", "one", "é1", origin],
      ["error", 0],
      ["open", 1],
      ["message", "two", "é1", origin],
    ]);
    const ids = server.connections.map(({ headers }) => headers["last-event-id"]);
    assert.deepEqual(
      ids.map((id) => id && Buffer.from(String(id), "latin1").toString()),
      [undefined, "é1", "é1"],
    );
    assert.equal(world.app.needs.length, 1);
  } finally {
    server.close();
  }
});

story("a stream is over after another status, another media type, the end of the session, and when it is closed", async (world) => {
  const answers = [
    ({ response }: Connection) => void response.writeHead(204).end(),
    ({ response }: Connection) => void response.writeHead(500, { "Content-Type": "text/event-stream" }).end("data: x\n\n"),
    ({ response }: Connection) => void response.writeHead(200, { "Content-Type": "text/event-streams" }).end("data: x\n\n"),
    (connection: Connection) => stream(connection, "data: x\n\n"),
    (connection: Connection) => stream(connection, "data: x\n\n"),
  ];
  const server = await openServer((connection, number) => answers[number - 1]?.(connection));
  try {
    world.app.more = new URL(server.url).origin;
    const page = await world.visit();
    for (let i = 0; i < 3; i++) {
      await openInPage(page, server.url);
      await logged(page, 1);
      assert.deepEqual(await log(page), [["error", 2]]);
    }
    await openInPage(page, server.url);
    await logged(page, 2);
    const closed = once(server.connections[3]?.response as ServerResponse, "close");
    await page.evaluate(() => (globalThis as unknown as { stream: { close(): void } }).stream.close());
    await closed;
    assert.equal((await log(page)).length, 2);

    await openInPage(page, server.url);
    await logged(page, 2);
    world.app.end("signed_out");
    await logged(page, 3);
    assert.deepEqual((await log(page)).at(-1), ["error", 2]);
    assert.equal(server.connections.length, answers.length);
  } finally {
    server.close();
  }
});
