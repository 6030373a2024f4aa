// src/natives.ts
var self = globalThis;
var { fetch, Request, URL, WebSocket } = self;
var { apply } = Reflect;
var { parse, stringify } = JSON;
var { setPrototypeOf } = Object;
var setHeader = Headers.prototype.set;
var requestHeaders = getter(Request, "headers");
var requestUrl = getter(Request, "url");
var urlOrigin = getter(URL, "origin");
var messageData = getter(self.MessageEvent, "data");
var { addEventListener } = EventTarget.prototype;
var { setTimeout, clearTimeout, performance } = self;
function listen(target, type, handler) {
  apply(addEventListener, target, [type, handler]);
}
function startTimer(callback, ms) {
  return apply(setTimeout, self, [callback, ms]);
}
function stopTimer(timer) {
  apply(clearTimeout, self, [timer]);
}
var monotonic = performance.now.bind(performance);
var wall = self.Date.now;
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
  return stringify({ v: 1, id, ...message });
}
function parseMessage(text) {
  if (text.length > MAX_LENGTH) return void 0;
  let fields;
  try {
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
function nameOf({ s, e, g }) {
  return { store: s, epoch: e, number: g };
}
function parseKind(fields, id, gen) {
  const { k, code, reason, retry_ms } = fields;
  if (k === "state") return parseState(fields, id, gen);
  if (k === "notify" && gen) return { k, id, gen };
  if (k === "ended" && gen) return { k, id, gen, reason: typeof reason === "string" ? reason : "server" };
  if (k === "err" && typeof code === "string") return { k, id, code, retryIn: isCount(retry_ms) ? retry_ms : 1e3 };
  return void 0;
}
function parseState({ k, st, at, exp, api }, id, gen) {
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
    api: api.map(parseApi)
  };
}
function parseApi(value) {
  const { origin, rejected } = record(value) ?? {};
  return {
    origin: typeof origin === "string" ? origin : "",
    rejected: Array.isArray(rejected) ? rejected : []
  };
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
  const port = open(
    (text) => {
      const message = parseMessage(text);
      if (!message) return;
      heard(message);
      if (message.id) settle(message.id, message);
    },
    () => {
      lost();
      for (const id in questions) settle(id);
    }
  );
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
  let listeners = [];
  const tell = (listener) => {
    const value = current();
    if (value === void 0 || !listeners.includes(listener)) return;
    listener.told = true;
    try {
      listener.callback(value);
    } catch (error) {
      startTimer(() => {
        throw error;
      }, 0);
    }
  };
  return {
    add(callback) {
      const listener = { callback, told: false };
      listeners.push(listener);
      startTimer(() => listener.told || tell(listener), 0);
      return () => {
        listeners = listeners.filter((other) => other !== listener);
      };
    },
    call() {
      listeners.slice().forEach(tell);
    }
  };
}

// src/queue.ts
var QUEUE_LENGTH = 64;
var QUEUE_TIMEOUT = 15e3;
function createQueue() {
  let waiting = [];
  return {
    wait: (call, signal) => new Promise((resolve, reject) => {
      if (waiting.length >= QUEUE_LENGTH) return resolve("refused");
      const deadline = deadlineIn(QUEUE_TIMEOUT);
      const done = (verdict) => {
        waiting = waiting.filter((other) => other !== entry);
        stopTimer(timer);
        signal.removeEventListener("abort", abort);
        if (!verdict) return reject(signal.reason);
        resolve(verdict !== "ended" && deadline.passed() ? "refused" : verdict);
      };
      const abort = () => done();
      const entry = { call, done };
      const timer = startTimer(() => done("refused"), QUEUE_TIMEOUT);
      waiting.push(entry);
      signal.addEventListener("abort", abort);
      if (signal.aborted) abort();
    }),
    release(verdict, which = () => true) {
      for (const { call, done } of waiting) if (which(call)) done(verdict);
    }
  };
}

// src/token.ts
function createHolder() {
  let held;
  let highest;
  let over = false;
  const ended = /* @__PURE__ */ Object.create(null);
  return {
    take(gen, value, ends) {
      if (over || gen.e <= (ended[gen.s] ?? -1)) return "older";
      const ahead = highest ? order(gen, highest) : 1;
      if (ahead === Infinity) return "over";
      if (ahead < 0 || highest && ahead > 0 && value === void 0) return "older";
      highest = gen;
      const known = value ?? held?.value;
      const renewed = known !== void 0 && (ahead > 0 || !held);
      if (known !== void 0) held = { gen, value: known, ends };
      return renewed ? "newer" : "same";
    },
    end(gen) {
      if (over) return false;
      if (gen) {
        ended[gen.s] = Math.max(gen.e, ended[gen.s] ?? -1);
        if (highest && order(gen, highest) === -Infinity) return false;
      }
      over = highest !== void 0;
      held = void 0;
      return true;
    },
    drop() {
      held = void 0;
    },
    held: () => held,
    bound: () => highest !== void 0
  };
}

// src/core.ts
var RETRY_FLOOR = 250;
function createCore(open) {
  const { take, end, drop, held, bound } = createHolder();
  const { wait, release } = createQueue();
  const tokens = createListeners(current);
  const ends = createListeners(() => ending);
  const asked = /* @__PURE__ */ new Set();
  const doc = self.crypto.getRandomValues(new Uint32Array(4)).join("-");
  let state = open ? "connecting" : "plain";
  let ending;
  let api = [];
  let conversation;
  let greeted = false;
  let retry;
  function current() {
    const now = held();
    return now && { value: now.value, generation: nameOf(now.gen) };
  }
  function outdated(used) {
    const now = held();
    return !!now && (!used || order(now.gen, used) > 0);
  }
  function isNews(gen) {
    const now = held();
    return !now || order(gen, now.gen) > 0;
  }
  function heard(message) {
    if (state === "plain") return;
    if (message.k === "state") accept(message);
    if (message.k === "notify" && isNews(message.gen)) greet();
    if (message.k === "ended") finish(message.reason, message.gen);
    if (message.k !== "err") return;
    const { code } = message;
    if (code === "denied" || code === "version") degrade(`the app answered "${code}"`);
    if (code === "stale" || code === "ended") greet();
  }
  function accept({ gen, at, exp, st, api: allowed }) {
    if (ending && bound()) return;
    const taken = gen && st === "active" ? take(gen, at, deadlineIn(exp)) : "same";
    if (taken === "over") finish("signed_out");
    if (taken === "over" || taken === "older") return;
    state = st;
    api = allowed;
    ending = void 0;
    if (taken === "same") return;
    release("newer", (call) => outdated(call.used));
    tokens.call();
    conversation?.send({ k: "ack", have: gen });
  }
  function finish(reason, gen) {
    if (!end(gen)) return;
    state = "ended";
    ending = { reason };
    release("ended");
    ends.call();
  }
  function degrade(why) {
    if (state === "ended" || state === "plain") return;
    state = "plain";
    drop();
    release("refused");
    console.warn("tokencast: plain fetch from now on,", why);
  }
  function ask(message, settled) {
    const question = JSON.stringify(message);
    if (asked.has(question) || !conversation || state === "plain") return;
    asked.add(question);
    conversation.send(message, (answer) => {
      asked.delete(question);
      settled(answer);
    });
  }
  function greet() {
    ask({ k: "hello", min: 1, max: 1, doc, have: held()?.gen ?? null, resume: greeted }, (answer) => {
      greeted || (greeted = !!answer);
      stopTimer(retry);
      if (!answer || answer.k === "err") retry = startTimer(greet, Math.max(answer?.retryIn ?? 0, RETRY_FLOOR));
      else if (state === "active") release("refused", (call) => !call.used);
    });
  }
  function need(used, why) {
    ask({ k: "need", used, why }, (answer) => {
      const confirmed = answer?.k === "state" && answer.st === "active";
      release(confirmed ? "confirmed" : "refused", (call) => call.why === why && call.used?.g === used.g);
    });
  }
  if (open) {
    watchLife({
      started() {
        conversation = converse(open, heard, () => degrade("the connection to the app was lost"));
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
  return {
    state: () => state,
    held,
    bound,
    rejected(origin) {
      for (let i = 0; i < api.length; i++) if (api[i]?.origin === origin) return api[i]?.rejected;
      return void 0;
    },
    need,
    async renewed(used, why, signal) {
      if (outdated(used)) return "newer";
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
var TokencastError = class extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
    this.name = "TokencastError";
  }
};

// src/origins.ts
function apiOrigins(list) {
  return [].concat(list).map((text) => {
    const origin = parseOrigin(text);
    if (!origin) throw new TokencastError("misconfigured", `api: ${stringify(text)} is not an https origin`);
    return origin;
  });
}
function originOf(url) {
  try {
    return apply(urlOrigin, new URL(url), []);
  } catch {
    return void 0;
  }
}
function isLoopback(hostname) {
  return /^(localhost|.+\.localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}
function parseOrigin(text) {
  const origin = typeof text === "string" ? originOf(text) : void 0;
  if (!origin) return void 0;
  const { protocol, hostname, href } = new URL(text);
  const trusted = protocol === "https:" || protocol === "http:" && isLoopback(hostname);
  return trusted && href === origin + "/" ? origin : void 0;
}

// src/fetch.ts
var STREAM_MARGIN = 3e4;
var SAFE = ["GET", "HEAD", "OPTIONS"];
function replayingFetch(core2, origins) {
  const send = (request) => {
    const held = core2.held();
    const outgoing = new Request(request);
    if (held) apply(setHeader, apply(requestHeaders, outgoing, []), ["Authorization", "Bearer " + held.value]);
    return { response: plain(outgoing), used: held?.gen, ends: held?.ends };
  };
  return async (input, init) => {
    if (core2.state() === "plain") return plain(input, init);
    const call = prepare(input, init);
    const isOurs = () => core2.rejected(call.origin);
    if (!origins.includes(call.origin) || call.opaque || call.authorized) return plain(call.first);
    if (call.keepalive) return isOurs() ? send(call.first).response : plain(call.first);
    const again = replayOf(call.first, input, init);
    const { signal } = call.first;
    const held = core2.held();
    if (core2.state() !== "ended" && (!held || held.ends.left() <= (again ? 0 : STREAM_MARGIN))) {
      const verdict2 = await core2.renewed(held?.gen, "expiring", signal);
      if (verdict2 === "ended" && core2.bound()) throw new TokencastError("ended", "the session ended while this call waited");
    }
    const rejected = isOurs();
    if (!rejected) return plain(call.first);
    const { response, used, ends } = send(call.first);
    if (!used || !ends) return response;
    let answer;
    try {
      answer = await response;
    } catch (error) {
      if (signal.aborted || !ends.passed() || !call.readOnly) throw error;
      if (await core2.renewed(used, "expiring", signal) !== "newer") throw error;
      return send(call.first).response;
    }
    if (!isRejection(answer, call.origin, rejected)) return answer;
    if (!again) {
      core2.need(used, "401");
      return answer;
    }
    const expired = ends.passed();
    const verdict = await core2.renewed(used, "401", signal);
    if (!mayReplay(verdict, expired, call) || !core2.held()) return answer;
    answer.body?.cancel().catch(() => {
    });
    return send(again()).response;
  };
}
function prepare(input, init) {
  const first = new Request(input, requestInit(init));
  const { method, mode, headers, keepalive } = first;
  return {
    origin: originOf(apply(requestUrl, first, [])) ?? "",
    first,
    opaque: mode === "no-cors",
    authorized: headers.has("authorization"),
    keepalive,
    readOnly: method === "GET" || method === "HEAD",
    repeatable: SAFE.includes(method) || headers.has("idempotency-key")
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
function isRejection(answer, origin, statuses) {
  if (!statuses.includes(answer.status)) return false;
  if (answer.redirected && originOf(answer.url) !== origin) return false;
  const challenge = answer.headers.get("www-authenticate");
  return challenge === null || /(^|[\s,])error\s*=\s*"?invalid_token"?\s*(,|$)/i.test(challenge);
}
function mayReplay(verdict, expired, call) {
  return verdict === "newer" || verdict === "confirmed" && (expired || call.repeatable);
}

// src/ports/devhost.ts
var FRAGMENT = "#tokencast-dev=";
function takeDevHost() {
  const { location, history, origin } = self;
  if (!location?.hash?.startsWith(FRAGMENT) || origin === "null") return void 0;
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
    const on = (type, handler) => listen(socket, type, handler);
    on("open", () => early.splice(0).forEach((text) => socket.send(text)));
    on("message", (event) => {
      const text = apply(messageData, event, []);
      if (typeof text === "string") received(text);
    });
    on("close", lost);
    return { post: (text) => socket.readyState === WebSocket.CONNECTING ? early.push(text) : socket.send(text) };
  };
}

// src/index.ts
var devHost = takeDevHost();
var core;
function connect(options) {
  const injected = globalThis.tokencast?.connect;
  if (typeof injected === "function" && injected !== connect) return injected(options);
  const origins = apiOrigins(options.api);
  const shared = core ?? (core = createCore(devHost));
  return {
    fetch: replayingFetch(shared, origins),
    onAccessToken: shared.onAccessToken,
    onEnded: shared.onEnded,
    get state() {
      return shared.state();
    },
    get generation() {
      const held = shared.held();
      return held && nameOf(held.gen);
    }
  };
}
export {
  TokencastError,
  connect
};
