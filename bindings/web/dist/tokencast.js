// src/natives.ts
var self = globalThis;
var isOpaque = self.origin === "null";
var { fetch, Request, URL, WebSocket, XMLHttpRequest } = self;
var { abort: xhrAbort, open: xhrOpen, send: xhrSend, setRequestHeader: xhrSetHeader } = XMLHttpRequest?.prototype ?? {};
var { send: socketSend } = WebSocket?.prototype ?? {};
var { apply } = Reflect;
var { parse, stringify } = JSON;
var { setPrototypeOf } = Object;
var setHeader = Headers.prototype.set;
var requestHeaders = getter(Request, "headers");
var requestUrl = getter(Request, "url");
var urlOrigin = getter(URL, "origin");
var messageData = getter(self.MessageEvent, "data");
var messagePorts = getter(self.MessageEvent, "ports");
var { postMessage, start: startPort } = self.MessagePort.prototype;
var startTimer = self.setTimeout.bind(self);
var stopTimer = self.clearTimeout.bind(self);
var monotonic = self.performance.now.bind(self.performance);
var wall = self.Date.now;
var { addEventListener } = EventTarget.prototype;
function listen(target, type, handler, capture = false) {
  apply(addEventListener, target, [type, handler, capture]);
}
function listenForText(target, received) {
  listen(target, "message", (event) => {
    const text = apply(messageData, event, []);
    if (typeof text === "string") received(text);
  });
}
function getter(type, name) {
  return Object.getOwnPropertyDescriptor(type?.prototype, name)?.get;
}

// src/clock.ts
function deadlineIn(ms) {
  const monotonicEnd = monotonic() + ms;
  const wallEnd = wall() + ms;
  const left = () => Math.max(0, Math.min(monotonicEnd - monotonic(), wallEnd - wall()));
  return { left, passed: () => left() === 0 };
}

// src/protocol.ts
var MAX_LENGTH = 65536;
function encode(id, message) {
  return stringify({ __proto__: null, v: 1, id, ...message });
}
function parseMessage(text) {
  let fields;
  try {
    if (text.length > MAX_LENGTH) return void 0;
    fields = record(parse(text));
  } catch {
    return void 0;
  }
  if (fields?.v !== 1) return void 0;
  const id = typeof fields.id === "string" ? fields.id : void 0;
  return parseKind(fields, id, parseGen(fields.gen)) ?? { k: "unknown", id };
}
function order(a, b) {
  if (a.s !== b.s || a.e > b.e) return Infinity;
  return a.e < b.e ? -Infinity : a.g - b.g;
}
function isNewer(a, b) {
  return !!a && (!b || order(a, b) > 0);
}
function nameOf({ s, e, g }) {
  return { store: s, epoch: e, number: g };
}
function parseKind(fields, id, gen) {
  const { k, code, reason, retry_ms, rt } = fields;
  if (k === "state") return parseState(fields, id, gen);
  if (k === "lease" && typeof rt === "string") return fields;
  if (k === "notify" && gen) return { k, id, gen };
  if (k === "ended" && gen) return { k, id, gen, reason: typeof reason === "string" ? reason : "server" };
  if (k === "err" && typeof code === "string") return { k, id, code, retryIn: isCount(retry_ms) ? retry_ms : 1e3 };
  return void 0;
}
function parseState({ k, st, at, exp, api, mode }, id, gen) {
  if (!gen && at != null) return void 0;
  if (!(st === "active" ? gen : st === "locked" || st === "restoring")) return void 0;
  if (at != null && !isToken(at) || !Array.isArray(api)) return void 0;
  return {
    k,
    id,
    gen,
    st,
    at: at ?? void 0,
    exp: typeof exp === "number" ? exp : Infinity,
    api: parseApi(api),
    mode
  };
}
function parseApi(list) {
  const api = /* @__PURE__ */ Object.create(null);
  for (const entry of list) {
    const { origin, rejected } = record(entry) ?? {};
    if (typeof origin === "string" && Array.isArray(rejected)) api[origin] = rejected;
  }
  return api;
}
function parseGen(value) {
  const { s, e, g } = record(value) ?? {};
  return typeof s === "string" && isCount(e) && isCount(g) ? { s, e, g } : void 0;
}
function record(value) {
  return typeof value === "object" && value ? setPrototypeOf(value, null) : void 0;
}
function isCount(value) {
  return typeof value === "number" && value >= 0 && value % 1 === 0;
}
function isToken(value) {
  if (typeof value !== "string" || !value) return false;
  for (let i = 0; i < value.length; i++) {
    const character = value[i];
    if (character < "!" || character > "~") return false;
  }
  return true;
}

// src/conversation.ts
var ANSWER_TIMEOUT = 15e3;
function converse(open, heard, lost) {
  const questions = /* @__PURE__ */ Object.create(null);
  let count = 0;
  const settle = (id, answer) => {
    const settled = questions[id];
    delete questions[id];
    settled?.(answer);
  };
  const port = open((text) => {
    const message = parseMessage(text);
    if (!message) return;
    heard(message);
    if (message.id) settle(message.id, message);
  }, lost);
  return {
    send(message, settled) {
      const id = `${++count}`;
      if (settled) {
        const timer = startTimer(() => settle(id), ANSWER_TIMEOUT);
        questions[id] = (answer) => {
          stopTimer(timer);
          settled(answer);
        };
      }
      port.post(encode(id, message));
    }
  };
}

// src/life.ts
function watchLife(life) {
  const document = self.document;
  listen(self, "pagehide", (event) => life.left(!event.persisted));
  listen(self, "pageshow", (event) => event.persisted && life.shown());
  listen(self, "online", () => life.shown());
  listen(document, "visibilitychange", () => document.visibilityState === "visible" && life.shown());
  if (document.prerendering) listen(document, "prerenderingchange", () => life.started());
  else life.started();
}

// src/listeners.ts
function createListeners(current) {
  const listeners = /* @__PURE__ */ new Set();
  return {
    add(callback) {
      let told = false;
      const tell = () => {
        const value = current();
        if (!value) return;
        told = true;
        try {
          callback(value);
        } catch (error) {
          startTimer(() => {
            throw error;
          }, 0);
        }
      };
      listeners.add(tell);
      startTimer(() => told || listeners.has(tell) && tell(), 0);
      return () => void listeners.delete(tell);
    },
    call() {
      listeners.forEach((tell) => tell());
    }
  };
}

// src/queue.ts
var QUEUE_LENGTH = 64;
var QUEUE_TIMEOUT = 15e3;
function createQueue() {
  const queue = /* @__PURE__ */ new Map();
  return {
    wait: (call, signal) => new Promise((resolve, reject) => {
      if (queue.size >= QUEUE_LENGTH) return resolve("refused");
      const deadline = deadlineIn(QUEUE_TIMEOUT);
      const done = (verdict) => {
        queue.delete(done);
        stopTimer(timer);
        signal.removeEventListener("abort", abort);
        if (!verdict) reject(signal.reason);
        else resolve(verdict !== "ended" && deadline.passed() ? "refused" : verdict);
      };
      const abort = () => done();
      const timer = startTimer(() => done("refused"), QUEUE_TIMEOUT);
      queue.set(done, call);
      signal.addEventListener("abort", abort);
      if (signal.aborted) abort();
    }),
    release(verdict, which) {
      queue.forEach((call, done) => which(call) && done(verdict));
    }
  };
}

// src/token.ts
function createHolder() {
  let held;
  let secret;
  let highest;
  let over = false;
  const ended = /* @__PURE__ */ Object.create(null);
  const drop = () => {
    held = secret = void 0;
  };
  return {
    take(gen, value, ends) {
      if (over || gen.e <= (ended[gen.s] ?? -1)) return "older";
      const ahead = highest ? order(gen, highest) : 1;
      if (ahead === Infinity) return "over";
      if (ahead < 0 || highest && ahead && !value) return "older";
      const renewed = value && (ahead || !held);
      highest = gen;
      secret = value ?? secret;
      if (secret) held = { gen, ends };
      return renewed ? "newer" : "same";
    },
    end(gen) {
      if (over) return false;
      if (gen) {
        ended[gen.s] = Math.max(gen.e, ended[gen.s] ?? -1);
        if (highest && order(gen, highest) === -Infinity) return false;
      }
      over = !!highest;
      drop();
      return true;
    },
    drop,
    held: () => held,
    secret: () => secret,
    bound: () => !!highest
  };
}

// src/core.ts
var RETRY_FLOOR = 250;
var ACK_DELAY = 250;
function createCore(open) {
  const { take, end, drop, held, secret, bound } = createHolder();
  const { wait, release } = createQueue();
  const tokens = createListeners(current);
  const ends = createListeners(() => ending);
  const asked = /* @__PURE__ */ new Set();
  const doc = self.crypto.getRandomValues(new Uint32Array(4)).join("-");
  let state = open ? "connecting" : "plain";
  let ending;
  let api = {};
  let mode;
  let exchange;
  let conversation;
  let greeted = false;
  let watched = false;
  let deaf = false;
  let retry;
  let acks = false;
  function current() {
    const now = held();
    return now && { value: secret(), generation: nameOf(now.gen) };
  }
  function heard(message, pushed) {
    if (deaf) return;
    if (message.k === "state") accept(message, pushed);
    if (message.k === "ended") finish(message.reason, message.gen);
    if (message.k === "notify" && isNewer(message.gen, held()?.gen)) greet();
    if (message.k !== "err") return;
    const { code } = message;
    if (code === "denied" && !message.id || code === "version") degrade(code);
    if (code === "stale" || code === "ended") greet();
  }
  function accept({ gen, at, exp, st, api: allowed, mode: chosen }, pushed) {
    if (ending && bound()) return;
    const taken = gen && st === "active" ? take(gen, at, deadlineIn(exp)) : "same";
    if (taken === "older") return;
    if (taken === "over") return finish("signed_out");
    state = st;
    api = allowed;
    mode = chosen;
    ending = void 0;
    if (taken === "same") return;
    release("newer", ({ used }) => isNewer(gen, used));
    tokens.call();
    if (acks || pushed) return;
    acks = true;
    startTimer(acknowledge, ACK_DELAY);
  }
  function acknowledge() {
    acks = false;
    const have = held()?.gen;
    if (have && !deaf) conversation?.send({ k: "ack", have });
  }
  function finish(reason, gen) {
    if (!end(gen)) return;
    state = "ended";
    ending = { reason };
    release("ended", () => true);
    ends.call();
  }
  function degrade(why) {
    if (state === "ended" || state === "plain") return;
    state = "plain";
    deaf = true;
    drop();
    release("refused", () => true);
    console.warn("tokencast: plain fetch from now on:", why);
  }
  function ask(message, settled, lend) {
    const question = stringify(message);
    if (asked.has(question) || !conversation || state === "plain") return;
    asked.add(question);
    const send = (what) => conversation?.send(what, answered);
    const answered = (answer) => {
      if (lend && exchange && answer?.k === "lease")
        return exchange(answer, secret(), (brought) => brought ? send(brought) : answered());
      if (lend && answer?.k !== "state") {
        lend = false;
        return send(message);
      }
      asked.delete(question);
      settled(answer);
    };
    send(lend ? { k: "lease" } : message);
  }
  function greet() {
    ask({ k: "hello", min: 1, max: 1, doc, have: held()?.gen ?? null, resume: greeted }, (answer) => {
      greeted || (greeted = !!answer);
      stopTimer(retry);
      if (!answer || answer.k === "err") retry = startTimer(greet, Math.max(answer?.retryIn ?? 0, RETRY_FLOOR));
      else if (state === "active") release("refused", ({ used }) => !used);
    });
  }
  function need(used, why) {
    const settled = (answer) => {
      const confirmed = answer?.k === "state" && answer.st === "active";
      release(confirmed ? "confirmed" : "refused", (call) => call.why === why && call.used?.g === used.g);
    };
    ask({ k: "need", used, why }, settled, exchange && mode === "self");
  }
  function live() {
    if (watched) return;
    watched = true;
    watchLife({
      started() {
        if (!open) return;
        conversation = converse(open, heard, () => {
          conversation = void 0;
          degrade("connection lost");
        });
        greet();
      },
      shown: greet,
      left(forGood) {
        if (forGood) conversation?.send({ k: "bye", why: "pagehide" });
        drop();
        if (state === "active") state = "connecting";
      }
    });
  }
  if (open) live();
  return {
    state: () => state,
    held,
    bound,
    reloads: () => mode === "reload",
    authorize(request) {
      if (held()) apply(setHeader, apply(requestHeaders, request, []), ["Authorization", "Bearer " + secret()]);
    },
    authorizeXhr(xhr) {
      if (held()) apply(xhrSetHeader, xhr, ["Authorization", "Bearer " + secret()]);
    },
    rejected: (origin) => api[origin],
    receive(text) {
      const message = parseMessage(text);
      if (!message) return;
      live();
      heard(message, true);
    },
    need,
    lend: (wanted) => (exchange ?? (exchange = wanted)) === wanted,
    async renewed(used, why, signal) {
      if (isNewer(held()?.gen, used)) return "newer";
      if (state === "ended") return "ended";
      if (state === "plain") return "refused";
      const verdict = wait({ used, why }, signal);
      if (used) need(used, why);
      else greet();
      return verdict;
    },
    onAccessToken: tokens.add,
    onEnded: ends.add
  };
}

// src/error.ts
function errorOf(code, message) {
  return Object.assign(new Error(message), { name: "TokencastError", code });
}

// src/origins.ts
function apiOrigins(list) {
  return [].concat(list).map(parseOrigin);
}
function originOf(url) {
  return apply(urlOrigin, new URL(url), []);
}
function isLoopback(hostname) {
  return /^(localhost|.+\.localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}
function parseOrigin(text) {
  try {
    const { origin, protocol, hostname, href } = new URL(text);
    const trusted = protocol === "https:" || protocol === "http:" && isLoopback(hostname);
    if (trusted && href === origin + "/") return origin;
  } catch {
  }
  throw errorOf("misconfigured", `api: ${stringify(text)} is not an https origin`);
}

// src/ports/devhost.ts
var FRAGMENT = "#tokencast-dev=";
function takeDevHost() {
  const { location, history } = self;
  if (!location?.hash?.startsWith(FRAGMENT) || isOpaque) return void 0;
  const text = location.hash.slice(FRAGMENT.length);
  history.replaceState(history.state, "", location.pathname + location.search);
  const host = isLoopback(location.hostname) && parseDevHost(text);
  return host ? openSocket(host) : void 0;
}
function parseDevHost(text) {
  try {
    const { url, key } = parse(decodeURIComponent(text));
    const { protocol, hostname, href } = new URL(url);
    const fits = protocol === "ws:" && isLoopback(hostname) && typeof key === "string" && /^[\w.~-]{1,256}$/.test(key);
    return fits ? { url: href, key } : void 0;
  } catch {
    return void 0;
  }
}
function openSocket({ url, key }) {
  return (received, lost) => {
    const socket = new WebSocket(url, ["tokencast.1", "key." + key]);
    const early = [];
    const send = (text) => apply(socketSend, socket, [text]);
    listen(socket, "open", () => early.splice(0).forEach(send));
    listenForText(socket, received);
    listen(socket, "close", lost);
    return { post: (text) => socket.readyState === WebSocket.CONNECTING ? early.push(text) : send(text) };
  };
}

// src/ports/relay.ts
function awaitRelay() {
  let port;
  if (!self.dispatchEvent) return () => void 0;
  listen(self, "tokencast-port", (event) => {
    if (port) return;
    port = apply(messagePorts, event, [])?.[0];
    if (!port) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  self.dispatchEvent(new Event("tokencast-open"));
  return () => port && openRelay(port);
}
function openRelay(port) {
  return (received) => {
    listenForText(port, received);
    apply(startPort, port, []);
    return { post: (text) => apply(postMessage, port, [text]) };
  };
}

// src/connection.ts
var devHost = takeDevHost();
var relay = awaitRelay();
var core;
function connection() {
  return core ?? (core = createCore(isOpaque ? void 0 : relay() ?? devHost));
}

// src/lend.ts
var LEND = /* @__PURE__ */ Symbol.for("tokencast.lend");

// src/fetch.ts
var STREAM_MARGIN = 3e4;
function replayingFetch(core2, origins) {
  return async (input, init) => {
    if (core2.state() === "plain") return plain(input, init);
    const first = new Request(input, requestInit(init));
    const { method, mode, headers, keepalive, signal } = first;
    const origin = originOf(apply(requestUrl, first, []));
    if (!origins.includes(origin) || mode === "no-cors" || headers.has("authorization")) return plain(first);
    const send = (request) => {
      const outgoing = new Request(request);
      if (originOf(apply(requestUrl, outgoing, [])) === origin && core2.rejected(origin)) core2.authorize(outgoing);
      return plain(outgoing);
    };
    if (keepalive) return send(first);
    const again = replayOf(first, input, init);
    const before = core2.held();
    if (core2.state() !== "ended" && (!before || before.ends.left() <= (again ? 0 : STREAM_MARGIN))) {
      const verdict2 = await core2.renewed(before?.gen, "expiring", signal);
      if (verdict2 === "ended" && core2.bound()) throw errorOf("ended", "the session ended while this call waited");
    }
    const statuses = core2.rejected(origin);
    const held = core2.held();
    const response = send(first);
    if (!statuses || !held) return response;
    const { gen, ends } = held;
    let answer;
    try {
      answer = await response;
    } catch (error) {
      if (signal.aborted || !ends.passed() || !/^(GET|HEAD)$/.test(method)) throw error;
      if (await core2.renewed(gen, "expiring", signal) !== "newer") throw error;
      return send(first);
    }
    if (!statuses.includes(answer.status) || !isRejection(answer.url, answer.headers.get("www-authenticate"), origin)) return answer;
    if (!again) {
      core2.need(gen, "401");
      return answer;
    }
    const expired = ends.passed();
    const verdict = await core2.renewed(gen, "401", signal);
    const repeatable = /^(GET|HEAD|OPTIONS)$/.test(method) || headers.has("idempotency-key");
    if (!mayReplay(verdict, expired || repeatable) || !core2.held()) return answer;
    answer.body?.cancel().catch(() => {
    });
    return send(again());
  };
}
function replayOf(first, input, init) {
  if (typeof init?.body === "function") return () => new Request(input, requestInit(init));
  if (init?.body instanceof ReadableStream) return void 0;
  const clone = first.clone();
  return () => clone;
}
function plain(input, init) {
  return apply(fetch, void 0, [input, requestInit(init)]);
}
function requestInit(init) {
  if (typeof init?.body !== "function") return init;
  return Object.assign(/* @__PURE__ */ Object.create(null), init, { body: init.body() });
}
function isRejection(url, challenge, origin) {
  if (url && originOf(url) !== origin) return false;
  return challenge === null || /(^|[\s,])error\s*=\s*"?invalid_token"?\s*(,|$)/i.test(challenge);
}
function mayReplay(verdict, harmless) {
  return verdict === "newer" || verdict === "confirmed" && harmless;
}

// src/xhr.ts
var EVENTS = ["readystatechange", "loadstart", "progress", "abort", "error", "timeout", "load", "loadend"];
function replayingXhr(core2, origins) {
  if (!XMLHttpRequest) return XMLHttpRequest;
  const calls = /* @__PURE__ */ new WeakMap();
  function send(xhr, call) {
    const held = core2.held();
    call.used = void 0;
    call.held = false;
    if (held && core2.rejected(call.origin)) {
      call.used = { gen: held.gen, expired: held.ends.passed };
      core2.authorizeXhr(xhr);
    }
    apply(xhrSend, xhr, [call.body]);
  }
  function replay(xhr, call) {
    call.replayed = true;
    apply(xhrOpen, xhr, [call.method, call.url, true, ...call.credentials]);
    for (const header of call.headers) apply(xhrSetHeader, xhr, header);
    send(xhr, call);
  }
  function release(xhr, call) {
    call.held = false;
    xhr.dispatchEvent(new Event("readystatechange"));
    if (xhr.readyState === 4) fireEnd(xhr, call.failed ? "error" : "load");
  }
  function fireEnd(xhr, type) {
    for (const each of [type, "loadend"]) xhr.dispatchEvent(new ProgressEvent(each));
  }
  function giveUp(xhr, type) {
    const call = calls.get(xhr);
    calls.delete(xhr);
    call?.gaveUp.abort();
    let told = !call?.held;
    const tell = () => told = true;
    listen(xhr, "abort", tell);
    apply(xhrAbort, xhr, []);
    xhr.removeEventListener("abort", tell);
    if (!told) fireEnd(xhr, type);
  }
  function seen(xhr, event) {
    const call = calls.get(xhr);
    if (!call?.async || !event.isTrusted) return;
    const { type } = event;
    const { used, replayed, method } = call;
    if (replayed && type === "loadstart") return event.stopImmediatePropagation();
    if (!call.held && used && !replayed && type === "readystatechange") {
      const statuses = core2.rejected(call.origin) ?? [];
      const challenge = xhr.status && xhr.getResponseHeader("www-authenticate");
      if (xhr.readyState === 2 && statuses.includes(xhr.status) && isRejection(xhr.responseURL, challenge || null, call.origin)) {
        call.held = true;
        const expired = used.expired();
        const harmless = expired || /^(GET|HEAD|OPTIONS)$/.test(method) || call.headers.some(([name]) => /^idempotency-key$/i.test(name));
        settle(xhr, call, used.gen, "401", harmless);
      }
      if (xhr.readyState === 4 && !xhr.status && used.expired() && /^(GET|HEAD)$/.test(method)) call.held = true;
    }
    if (!call.held) return;
    event.stopImmediatePropagation();
    if (type === "error") {
      call.failed = true;
      if (!xhr.status && used) settle(xhr, call, used.gen, "expiring", false);
    }
    if (type === "abort" || type === "timeout") {
      call.held = false;
      xhr.dispatchEvent(new Event("readystatechange"));
      xhr.dispatchEvent(new ProgressEvent(type));
    }
  }
  function settle(xhr, call, used, why, harmless) {
    core2.renewed(used, why, call.gaveUp.signal).then(
      (verdict) => {
        if (calls.get(xhr) !== call || !call.held) return;
        if (mayReplay(verdict, harmless) && core2.held()) replay(xhr, call);
        else release(xhr, call);
      },
      () => {
      }
    );
  }
  return class extends XMLHttpRequest {
    constructor() {
      super();
      for (const type of EVENTS) listen(this, type, (event) => seen(this, event), true);
    }
    open(method, url, async = true, ...credentials) {
      calls.get(this)?.gaveUp.abort();
      calls.delete(this);
      const { href } = new URL(url, self.document.baseURI);
      const origin = originOf(href);
      method = `${method}`;
      apply(xhrOpen, this, [method, href, async, ...credentials]);
      if (core2.state() === "plain" || !origins.includes(origin)) return;
      const verb = /^(get|head|options|post|put|delete)$/i.test(method) ? method.toUpperCase() : method;
      calls.set(this, { method: verb, url: href, origin, async, credentials, headers: [], gaveUp: new AbortController() });
    }
    setRequestHeader(name, value) {
      apply(xhrSetHeader, this, [name, value]);
      calls.get(this)?.headers.push([`${name}`, `${value}`]);
    }
    send(body) {
      const call = calls.get(this);
      if (!call || call.headers.some(([name]) => /^authorization$/i.test(name))) {
        calls.delete(this);
        return apply(xhrSend, this, [body]);
      }
      if (call.sent) throw new DOMException("The request was sent already.", "InvalidStateError");
      call.sent = true;
      call.body = copyOf(body);
      const held = core2.held();
      const timedOut = () => {
        if (calls.get(this) === call && call.held && (this.readyState === 1 || this.readyState === 4)) giveUp(this, "timeout");
      };
      if (call.async && this.timeout) startTimer(timedOut, this.timeout);
      if (!call.async || core2.state() === "ended" || held && !held.ends.passed()) return send(this, call);
      call.held = true;
      core2.renewed(held?.gen, "expiring", call.gaveUp.signal).then(
        (verdict) => {
          if (calls.get(this) !== call) return;
          if (verdict !== "ended" || !core2.bound()) return send(this, call);
          calls.delete(this);
          fireEnd(this, "error");
        },
        () => {
        }
      );
    }
    abort() {
      giveUp(this, "abort");
    }
  };
}
function copyOf(body) {
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength);
  if (!(body instanceof FormData)) return body;
  const copy = new FormData();
  body.forEach((value, name) => copy.append(name, value));
  return copy;
}

// src/index.ts
function connect(options) {
  const injected = globalThis.tokencast?.connect;
  if (typeof injected === "function" && injected !== connect) return injected(options);
  const origins = apiOrigins(options.api);
  const shared = connection();
  const session = {
    fetch: replayingFetch(shared, origins),
    XMLHttpRequest: replayingXhr(shared, origins),
    onAccessToken: shared.onAccessToken,
    onEnded: shared.onEnded,
    [LEND]: shared.lend,
    get state() {
      return shared.state();
    },
    get generation() {
      const held = shared.held();
      return held && nameOf(held.gen);
    }
  };
  if (options.globals && (typeof INJECTED !== "undefined" || shared.state() !== "plain")) {
    Object.assign(globalThis, { fetch: session.fetch, XMLHttpRequest: session.XMLHttpRequest });
  }
  return session;
}
export {
  connect
};
