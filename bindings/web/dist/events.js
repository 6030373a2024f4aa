// src/event-stream.ts
function readEventStream(reader, lastEventId) {
  let rest = "";
  let endedWithCr = false;
  let data = "";
  let type = "";
  function line(text) {
    if (!text) return dispatch();
    const colon = text.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data += value + "\n";
    if (field === "event") type = value;
    if (field === "id" && !value.includes("\0")) lastEventId = value;
    if (field === "retry" && /^[0-9]+$/.test(value)) reader.retry(Number(value));
  }
  function dispatch() {
    if (data) reader.event(type || "message", data.slice(0, -1), lastEventId);
    else reader.event("", "", lastEventId);
    data = type = "";
  }
  return (text) => {
    if (!text) return;
    if (endedWithCr && text.startsWith("\n")) text = text.slice(1);
    endedWithCr = text.endsWith("\r");
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

// src/events.ts
var RECONNECTION_TIME = 3e3;
function openEvents(session, url, options = {}) {
  return new SessionEvents(session, url, options);
}
var SessionEvents = class extends EventTarget {
  constructor(session, url, options) {
    super();
    this.session = session;
    this.options = options;
    this.readyState = 0;
    this.onopen = null;
    this.onmessage = null;
    this.onerror = null;
    this.reconnectionTime = RECONNECTION_TIME;
    this.gaveUp = new AbortController();
    this.url = new URL(url, globalThis.document?.baseURI).href;
    this.lastEventId = options.lastEventId ?? "";
    for (const type of ["open", "message", "error"])
      super.addEventListener(type, (event) => this[`on${type}`]?.(event));
    this.unsubscribe = session.onEnded(() => this.fail());
    this.timer = setTimeout(() => void this.connect(), 0);
  }
  close() {
    this.readyState = 2;
    clearTimeout(this.timer);
    this.unsubscribe();
    this.gaveUp.abort();
  }
  async connect() {
    try {
      const { headers, credentials = "same-origin" } = this.options;
      const response = await this.session.fetch(this.url, {
        headers: {
          ...headers,
          Accept: "text/event-stream",
          ...this.lastEventId && { "Last-Event-ID": encodeId(this.lastEventId) }
        },
        credentials,
        cache: "no-store",
        signal: this.gaveUp.signal
      });
      if (this.isClosed()) return;
      const isStream = /^text\/event-stream\s*(;|$)/i.test(response.headers.get("content-type") ?? "");
      if (response.status !== 200 || !isStream || !response.body) {
        response.body?.cancel().catch(() => {
        });
        return this.fail();
      }
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
      await this.read(response.body, new URL(response.url || this.url).origin);
    } catch {
    }
    if (this.isClosed()) return;
    if (this.session.state === "ended") return this.fail();
    this.readyState = 0;
    this.timer = setTimeout(() => void this.connect(), this.reconnectionTime);
    this.dispatchEvent(new Event("error"));
  }
  async read(body, origin) {
    const take = readEventStream(
      {
        event: (type, data, lastEventId) => {
          if (this.isClosed()) return;
          this.lastEventId = lastEventId;
          if (type) this.dispatchEvent(new MessageEvent(type, { data, lastEventId, origin }));
        },
        retry: (ms) => this.reconnectionTime = ms
      },
      this.lastEventId
    );
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (; ; ) {
      const { done, value } = await reader.read();
      if (done || this.isClosed()) return;
      take(decoder.decode(value, { stream: true }));
    }
  }
  isClosed() {
    return this.readyState === 2;
  }
  fail() {
    if (this.isClosed()) return;
    this.close();
    this.dispatchEvent(new Event("error"));
  }
};
function encodeId(id) {
  return String.fromCharCode(...new TextEncoder().encode(id));
}
export {
  openEvents
};
