import type { Core } from "./core.js";
import { URL, XMLHttpRequest, apply, listen, self, startTimer, xhrAbort, xhrOpen, xhrSend, xhrSetHeader } from "./natives.js";
import { isRejection, mayReplay } from "./fetch.js";
import { originOf } from "./origins.js";
import type { Gen } from "./protocol.js";

/** Everything a request fires; each is seen here before any listener of the page. */
const EVENTS = ["readystatechange", "loadstart", "progress", "abort", "error", "timeout", "load", "loadend"];

/** What the client remembers of one call; never the token. */
interface Call {
  readonly method: string;
  readonly url: string;
  readonly origin: string;
  readonly async: boolean;
  readonly credentials: readonly unknown[];
  readonly headers: [string, string][];
  readonly gaveUp: AbortController;
  body?: XMLHttpRequestBodyInit | Document | null | undefined;
  /** The generation and the end of the token it was sent with. */
  used?: { readonly gen: Gen; readonly expired: () => boolean } | undefined;
  sent?: boolean;
  replayed?: boolean;
  /** The page hears nothing until it is clear whether the call is sent, or sent again. */
  held?: boolean;
  /** The network error of a call that waits for the verdict. */
  failed?: boolean;
}

/**
 * `XMLHttpRequest` whose asynchronous calls carry the token and are replayed once; a synchronous one carries the token
 * only. It is the platform's own object: while the client makes up its mind it holds the events back, nothing else.
 */
export function replayingXhr(core: Core, origins: readonly string[]): typeof globalThis.XMLHttpRequest {
  // Outside a browser.
  if (!XMLHttpRequest) return XMLHttpRequest;
  const calls = new WeakMap<globalThis.XMLHttpRequest, Call>();

  function send(xhr: globalThis.XMLHttpRequest, call: Call): void {
    const held = core.held();
    call.used = undefined;
    call.held = false;
    if (held && core.rejected(call.origin)) {
      call.used = { gen: held.gen, expired: held.ends.passed };
      core.authorizeXhr(xhr);
    }
    apply(xhrSend, xhr, [call.body]);
  }

  function replay(xhr: globalThis.XMLHttpRequest, call: Call): void {
    call.replayed = true;
    // Opening ends the first sending; the page is not told of either.
    apply(xhrOpen, xhr, [call.method, call.url, true, ...call.credentials]);
    for (const header of call.headers) apply(xhrSetHeader, xhr, header);
    send(xhr, call);
  }

  /** Tells the page what was held back. */
  function release(xhr: globalThis.XMLHttpRequest, call: Call): void {
    call.held = false;
    xhr.dispatchEvent(new Event("readystatechange"));
    if (xhr.readyState === 4) fireEnd(xhr, call.failed ? "error" : "load");
  }

  function fireEnd(xhr: globalThis.XMLHttpRequest, type: string): void {
    for (const each of [type, "loadend"]) xhr.dispatchEvent(new ProgressEvent(each));
  }

  /** Ends a call. For one that is held the platform fires nothing: it has ended there, or has not begun. */
  function giveUp(xhr: globalThis.XMLHttpRequest, type: "abort" | "timeout"): void {
    const call = calls.get(xhr);
    calls.delete(xhr);
    call?.gaveUp.abort();
    let told = !call?.held;
    const tell = () => (told = true);
    listen(xhr, "abort", tell);
    apply(xhrAbort, xhr, []);
    xhr.removeEventListener("abort", tell);
    if (!told) fireEnd(xhr, type);
  }

  function seen(xhr: globalThis.XMLHttpRequest, event: Event): void {
    const call = calls.get(xhr);
    if (!call?.async || !event.isTrusted) return;
    const { type } = event;
    const { used, replayed, method } = call;
    if (replayed && type === "loadstart") return event.stopImmediatePropagation();
    if (!call.held && used && !replayed && type === "readystatechange") {
      const statuses = core.rejected(call.origin) ?? [];
      const challenge = xhr.status && xhr.getResponseHeader("www-authenticate");
      if (xhr.readyState === 2 && statuses.includes(xhr.status) && isRejection(xhr.responseURL, challenge || null, call.origin)) {
        call.held = true;
        const expired = used.expired();
        const harmless = expired || /^(GET|HEAD|OPTIONS)$/.test(method) || call.headers.some(([name]) => /^idempotency-key$/i.test(name));
        settle(xhr, call, used.gen, "401", harmless);
      }
      // A 401 without CORS headers looks like this, and so does a time-out: the next event tells.
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

  function settle(xhr: globalThis.XMLHttpRequest, call: Call, used: Gen, why: "401" | "expiring", harmless: boolean): void {
    core.renewed(used, why, call.gaveUp.signal).then(
      (verdict) => {
        // Opened anew, given up or timed out in the meantime: no longer this call's matter.
        if (calls.get(xhr) !== call || !call.held) return;
        if (mayReplay(verdict, harmless) && core.held()) replay(xhr, call);
        else release(xhr, call);
      },
      () => {},
    );
  }

  return class extends XMLHttpRequest {
    constructor() {
      super();
      // As the first capturing listener it comes before all of the page's.
      for (const type of EVENTS) listen(this, type, (event) => seen(this, event), true);
    }

    override open(method: string, url: string | URL, async = true, ...credentials: (string | null | undefined)[]): void {
      calls.get(this)?.gaveUp.abort();
      calls.delete(this);
      const { href } = new URL(url, self.document.baseURI);
      const origin = originOf(href);
      method = `${method}`;
      apply(xhrOpen, this, [method, href, async, ...credentials]);
      if (core.state() === "plain" || !origins.includes(origin)) return;
      const verb = /^(get|head|options|post|put|delete)$/i.test(method) ? method.toUpperCase() : method;
      calls.set(this, { method: verb, url: href, origin, async, credentials, headers: [], gaveUp: new AbortController() });
    }

    override setRequestHeader(name: string, value: string): void {
      apply(xhrSetHeader, this, [name, value]);
      calls.get(this)?.headers.push([`${name}`, `${value}`]);
    }

    override send(body?: XMLHttpRequestBodyInit | Document | null): void {
      const call = calls.get(this);
      // The caller's own `Authorization` is the caller's own matter.
      if (!call || call.headers.some(([name]) => /^authorization$/i.test(name))) {
        calls.delete(this);
        return apply(xhrSend, this, [body]);
      }
      if (call.sent) throw new DOMException("The request was sent already.", "InvalidStateError");
      call.sent = true;
      call.body = copyOf(body);
      const held = core.held();
      // The platform's own time-out ends with the answer that is held back.
      const timedOut = () => {
        if (calls.get(this) === call && call.held && (this.readyState === 1 || this.readyState === 4)) giveUp(this, "timeout");
      };
      if (call.async && this.timeout) startTimer(timedOut, this.timeout);
      if (!call.async || core.state() === "ended" || (held && !held.ends.passed())) return send(this, call);
      call.held = true;
      core.renewed(held?.gen, "expiring", call.gaveUp.signal).then(
        (verdict) => {
          if (calls.get(this) !== call) return;
          // Once signed in, a call never goes out in the name of no one, or of the next one.
          if (verdict !== "ended" || !core.bound()) return send(this, call);
          calls.delete(this);
          fireEnd(this, "error");
        },
        () => {},
      );
    }

    override abort(): void {
      giveUp(this, "abort");
    }
  };
}

/** The body as it is now: the page may change its own while the call is on its way. */
function copyOf(body: XMLHttpRequestBodyInit | Document | null | undefined): typeof body {
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength) as ArrayBuffer;
  if (!(body instanceof FormData)) return body;
  const copy = new FormData();
  body.forEach((value, name) => copy.append(name, value));
  return copy;
}
