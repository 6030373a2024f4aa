// The world around a real browser: two sites, an API of another origin, and a scripted app behind the development host.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { WebSocketServer, type WebSocket } from "ws";
import type { Session } from "../src/index.js";

/** No token of this world is without it. */
export const CANARY = "canary-7f3a";
/** What the app lends to a page that refreshes itself. */
export const REFRESH_TOKEN = `${CANARY}.refresh`;
export const tokenOf = (generation: number) => `${CANARY}.${generation}`;

const SITE = `<!doctype html><title>site</title><link rel="icon" href="data:,">
<script type="module">
  import { connect } from "/tokencast.js";
  window.session = connect({ api: ["API"] });
</script>`;

declare global {
  var session: Session;
}

/** The API: it accepts one generation only, and counts. */
class Api {
  accepted = 1;
  readonly requests: { method: string; url: string; authorization: string | undefined; body: string }[] = [];
  notes = 0;
  /** Where `/moved` leads. */
  elsewhere = "";
  server = createServer((request, response) => void this.answer(request, response));

  private readonly answer: (...args: Parameters<RequestListener>) => Promise<void> = async (request, response) => {
    const { method = "", url = "", headers } = request;
    const cors = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key",
      "Access-Control-Expose-Headers": "www-authenticate",
      "Access-Control-Allow-Methods": "*",
    };
    if (method === "OPTIONS") return void response.writeHead(204, cors).end();
    this.requests.push({ method, url, authorization: headers.authorization, body: await bodyOf(request) });
    if (url === "/moved") return void response.writeHead(302, { ...cors, Location: this.elsewhere }).end();
    if (headers.authorization !== `Bearer ${tokenOf(this.accepted)}`) {
      if (url === "/bare") return void response.writeHead(401).end();
      if (url === "/basic") return void response.writeHead(401, { ...cors, "WWW-Authenticate": "Basic" }).end("basic");
      return void response
        .writeHead(401, { ...cors, "WWW-Authenticate": 'Bearer error="invalid_token"' })
        .end("rejected");
    }
    if (method === "POST") this.notes++;
    response.writeHead(200, cors).end(`ok ${url}`);
  };
}

/** A page's message, with the fields of all kinds. */
interface FromPage {
  k: string;
  id: string;
  why: string;
  used: { g: number };
  lease: string;
  at: string;
  rt?: string;
  exp: number;
}

/** The app: one generation, told to every page; a need makes the next one. */
class App {
  generation = 1;
  life = 600_000;
  mode = "inject";
  /** Another API beside the usual one. */
  more = "https://more.example";
  readonly handOvers: { lease: string; at: string; rt?: string; exp: number }[] = [];
  readonly needs: { why: string; used: { g: number } }[] = [];
  readonly sockets = new Set<WebSocket>();
  readonly protocols: (string | undefined)[] = [];
  /** Whether needs are left without an answer. */
  mute = false;
  /** Called at a need, before it is answered. */
  onNeed = () => {
    this.generation++;
  };

  constructor(private readonly api: string) {}

  attach(server: Server): void {
    const pages = new WebSocketServer({ server, path: "/bridge", handleProtocols: () => "tokencast.1" });
    pages.on("connection", (socket, request) => {
      this.protocols.push(request.headers["sec-websocket-protocol"]);
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
      socket.on("message", (data) => this.heard(socket, JSON.parse(String(data))));
    });
  }

  end(reason: string): void {
    for (const socket of this.sockets) this.send(socket, { k: "ended", gen: this.name, reason });
  }

  private get name() {
    return { s: "store", e: 1, g: this.generation };
  }

  private heard(socket: WebSocket, message: FromPage): void {
    const { id } = message;
    if (message.k === "lease")
      this.send(socket, { k: "lease", id, lease: "l1", ttl: 20_000, base: this.name, rt: REFRESH_TOKEN, key: "key-1" });
    if (message.k === "handover") {
      this.handOvers.push(message);
      this.generation++;
      this.state(socket, id);
    }
    if (message.k === "need") {
      this.needs.push(message);
      if (this.mute) return;
      if (message.used.g === this.generation) this.onNeed();
      for (const other of this.sockets) if (other !== socket) this.send(other, { k: "notify", gen: this.name });
    }
    if (message.k === "need" || message.k === "hello") this.state(socket, id);
  }

  private state(socket: WebSocket, id: string): void {
    const api = [this.api, this.more].map((origin) => ({ origin, rejected: [401] }));
    this.send(socket, {
      k: "state",
      id,
      gen: this.name,
      st: "active",
      at: tokenOf(this.generation),
      exp: this.life,
      api,
      mode: this.mode,
    });
  }

  private send(socket: WebSocket, message: object): void {
    socket.send(JSON.stringify({ v: 1, ...message }));
  }
}

/** A test with a world of its own. */
export function story(name: string, play: (world: World) => Promise<void>): void {
  test(name, async () => {
    const world = await openWorld();
    try {
      await play(world);
    } finally {
      await world.close();
    }
  });
}

export type World = Awaited<ReturnType<typeof openWorld>>;

/** All of it, until `close`. */
async function openWorld() {
  const browser = await launch();
  const api = new Api();
  const apiUrl = await listen(api.server);
  const app = new App(apiUrl);
  const sites = [createServer(site), createServer(site)];
  const host = createServer();
  const evil = createServer(site);
  const referrers: (string | undefined)[] = [];
  const evilSaw: (string | undefined)[] = [];

  function site(request: IncomingMessage, response: Parameters<RequestListener>[1]) {
    referrers.push(request.headers.referer);
    if (request.socket.localPort === (evil.address() as AddressInfo).port) evilSaw.push(request.headers.authorization);
    const isModule = /^\/[\w-]+\.js$/.test(request.url ?? "");
    const headers = {
      "Content-Type": isModule ? "text/javascript" : "text/html",
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "*",
    };
    response.writeHead(200, headers).end(isModule ? readFileSync(`dist${request.url}`) : SITE.replace("API", apiUrl));
  }

  const siteUrls = await Promise.all(sites.map(listen));
  const evilUrl = await listen(evil);
  api.elsewhere = `${evilUrl}/stolen`;
  app.attach(host);
  const hostUrl = (await listen(host)).replace("http:", "ws:") + "/bridge";

  return {
    ...{ browser, api, apiUrl, app, siteUrls, evilUrl, referrers, evilSaw },
    /** Opens a site; `inApp` gives it the development host. */
    async visit({
      site = 0,
      inApp = true,
      before,
    }: { site?: number; inApp?: boolean; before?: (page: Page) => Promise<unknown> } = {}) {
      const page = await (await browser.newContext()).newPage();
      await before?.(page);
      const fragment = "#tokencast-dev=" + encodeURIComponent(JSON.stringify({ url: hostUrl, key: "k".repeat(32) }));
      await page.goto(`${siteUrls[site]}/page?q=1${inApp ? fragment : ""}`);
      if (inApp) await page.waitForFunction(() => globalThis.session?.state === "active");
      else await page.waitForFunction(() => globalThis.session);
      return page;
    },
    async close() {
      await browser.close();
      for (const server of [api.server, host, evil, ...sites]) {
        server.closeAllConnections();
        server.close();
      }
      for (const socket of app.sockets) socket.terminate();
    },
  };
}

/** Calls the API from the page. */
export function call(page: Page, url: string, init: RequestInit = {}) {
  return page.evaluate(
    async ([url, init]) => {
      const answer = await session.fetch(url, init);
      return { status: answer.status, body: await answer.text() };
    },
    [url, init] as const,
  );
}

/** A real browser, headless. */
export async function launch(): Promise<Browser> {
  const executablePath = process.env.TOKENCAST_CHROMIUM ?? "/usr/bin/chromium";
  assert.ok(
    existsSync(executablePath),
    `no browser at ${executablePath}: apt-get install chromium, or name one in TOKENCAST_CHROMIUM`,
  );
  const args =
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
    "--disable-component-update --disable-sync";
  return chromium.launch({ executablePath, args: args.split(" ") });
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}
