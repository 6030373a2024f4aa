// A page of its own for each test: globals, clock, app and server are scripted.

import assert from "node:assert/strict";
import * as esbuild from "esbuild";
import type * as client from "./client.js";
import type { FetchInit } from "../src/index.js";
import type { OpenPort } from "../src/port.js";
import type { Gen } from "../src/protocol.js";

const API = "https://api.example.com";

const [bundle] = esbuild.buildSync({
  entryPoints: ["test/client.ts"],
  bundle: true,
  format: "iife",
  globalName: "client",
  target: "es2020",
  write: false,
}).outputFiles;

/** Evaluates the client as if it were a document's first script. */
export function evaluate(window: object, console: object): typeof client {
  return new Function("globalThis", "console", `${bundle?.text}; return client;`)(window, console);
}

/** A generation of the usual store and epoch. */
export const gen = (g: number, e = 1, s = "store"): Gen => ({ s, e, g });

/** What the server was sent. */
export interface Received {
  readonly url: string;
  readonly method: string;
  readonly authorization: string | null;
  readonly headers: Headers;
  readonly body: string;
  readonly request: Request;
}

type Reply = Response | Error | Promise<Response>;

/** The scripted app: what the page sent it, and its answers. */
export class App {
  readonly sent: { k: string; id: string; [field: string]: unknown }[] = [];
  received!: (text: string) => void;
  lost!: () => void;

  readonly open: OpenPort = (received, lost) => {
    Object.assign(this, { received, lost });
    return { post: (text) => this.sent.push(JSON.parse(text)) };
  };

  send(message: object): void {
    this.received(JSON.stringify({ v: 1, ...message }));
  }

  state(g: Gen, fields: object = {}): void {
    this.send({ ...stateOf(g), ...fields });
  }

  /** The messages of one kind. */
  of(kind: string) {
    return this.sent.filter((message) => message.k === kind);
  }

  last(kind: string) {
    const message = this.of(kind).at(-1);
    assert.ok(message, `the page sent no ${kind}`);
    return message;
  }
}

/** What a page is told of a generation. */
export const stateOf = (gen: Gen) => ({
  k: "state",
  gen,
  st: "active",
  at: tokenOf(gen),
  exp: 600_000,
  api: [{ origin: API, rejected: [401] }],
  mode: "inject",
});

/** The token that belongs to a generation. */
export const tokenOf = ({ s, e, g }: Gen) => `token-${s}-${e}-${g}`;
export const bearer = (g: Gen) => `Bearer ${tokenOf(g)}`;
export const unauthorized = (challenge?: string) =>
  new Response("no", { status: 401, headers: challenge ? { "WWW-Authenticate": challenge } : {} });

/** Opens a page. With `plain` there is no app. */
export function openPage({ plain = false, api = [API], prerendering = false } = {}) {
  const app = new App();
  const clock = new Clock();
  const server: Received[] = [];
  const replies: ((received: Received) => Reply)[] = [];
  const warnings: unknown[][] = [];
  const document = Object.assign(new EventTarget(), { visibilityState: "visible", prerendering });
  const window = Object.assign(new EventTarget(), {
    ...{ Request, URL, MessageEvent, MessagePort, document, crypto },
    fetch: async (input: RequestInfo, init?: RequestInit) => {
      const request = new Request(input, init);
      const { url, method, headers } = request;
      const body = await request.text();
      request.signal.throwIfAborted();
      const received = { url, method, headers, body, request, authorization: headers.get("authorization") };
      server.push(received);
      const reply = await (replies.shift() ?? (() => new Response("ok")))(received);
      if (reply instanceof Error) throw reply;
      return reply;
    },
    ...clock.globals,
  });
  const modules = evaluate(window, { warn: (...words: unknown[]) => warnings.push(words) });
  const core = modules.createCore(plain ? undefined : app.open);
  const fetch = modules.replayingFetch(core, modules.apiOrigins(api));
  return {
    ...{ app, clock, server, replies, warnings, window, document, core, modules },
    fetch: (path: string | URL | Request, init?: FetchInit) =>
      fetch(typeof path === "string" && path.startsWith("/") ? API + path : path, init),
  };
}

/** A page that holds a token of the first generation. */
export function activePage(options?: Parameters<typeof openPage>[0]) {
  const page = openPage(options);
  page.app.state(gen(1), { id: page.app.last("hello").id });
  return page;
}

/** Time that moves only when told to. */
class Clock {
  monotonic = 1000;
  wall = 1_700_000_000_000;
  private timers: { at: number; callback: () => void }[] = [];

  readonly globals = {
    performance: { now: () => this.monotonic },
    Date: { now: () => this.wall },
    setTimeout: (callback: () => void, ms: number) => {
      const timer = { at: this.monotonic + ms, callback };
      this.timers.push(timer);
      return timer;
    },
    clearTimeout: (timer: unknown) => {
      this.timers = this.timers.filter((other) => other !== timer);
    },
  };

  /** Time passes awake: timers fire. */
  pass(ms: number): void {
    this.monotonic += ms;
    this.wall += ms;
    for (let due; (due = this.timers.find(({ at }) => at <= this.monotonic));) {
      this.globals.clearTimeout(due);
      due.callback();
    }
  }

  /** The device sleeps: only the wall clock runs on, and no timer fires. */
  sleep(ms: number): void {
    this.wall += ms;
  }
}

/** Lets everything happen that is ready to; then the condition must hold. */
export async function until(condition: () => unknown): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (condition()) return;
    await new Promise(setImmediate);
  }
  assert.fail(`never came true: ${condition}`);
}

/** Lets everything happen that is ready to, to show that nothing more does. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}
