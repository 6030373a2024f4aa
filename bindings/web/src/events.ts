/**
 * Server-sent events over the session's fetch: `EventSource` cannot send an access token.
 *
 * @packageDocumentation
 */

import { readEventStream } from "./event-stream.js";
import type { Session } from "./index.js";

/** The time between two connections until the server names another, in milliseconds. */
const RECONNECTION_TIME = 3000;

/** What {@link openEvents} may be told. */
export interface EventsOptions {
  /** Further headers of the request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** As of `fetch`; `same-origin` by default. */
  readonly credentials?: RequestCredentials;
  /** Where an earlier stream stopped: the first `Last-Event-ID`. */
  readonly lastEventId?: string;
}

/**
 * A stream of events, with the members of `EventSource`. Its events are `open`, `error`, and one `MessageEvent` for each
 * that the server sends, of type `message` unless the server names another.
 */
export interface EventStream extends EventTarget {
  /** Where it comes from, resolved. */
  readonly url: string;
  /** As of `EventSource`: 0 connecting, 1 open, 2 closed. */
  readonly readyState: 0 | 1 | 2;
  /** The last id that the server gave; sent as `Last-Event-ID` when the stream is connected again. */
  readonly lastEventId: string;
  /** It is connected, perhaps again. */
  onopen: ((event: Event) => void) | null;
  /** An event without a type of its own. */
  onmessage: ((event: MessageEvent<string>) => void) | null;
  /** It is not connected now: for good when {@link readyState} is 2. */
  onerror: ((event: Event) => void) | null;
  /** As of every `EventTarget`; types that the server names come as `MessageEvent`. */
  addEventListener(type: "open" | "error", listener: (event: Event) => void, options?: AddEventListenerOptions): void;
  addEventListener(
    type: string,
    listener: ((event: MessageEvent<string>) => void) | EventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  /** Closes it for good. */
  close(): void;
}

/**
 * Opens a stream. It is connected again when it ends, also with the newer token when the server ended it because the old
 * one expired; a status other than 200, another media type, and the end of the session close it for good, with `error`.
 *
 * @throws TypeError when the URL is none.
 */
export function openEvents(session: Session, url: string | URL, options: EventsOptions = {}): EventStream {
  return new SessionEvents(session, url, options);
}

class SessionEvents extends EventTarget implements EventStream {
  readonly url: string;
  readyState: 0 | 1 | 2 = 0;
  lastEventId: string;
  onopen: EventStream["onopen"] = null;
  onmessage: EventStream["onmessage"] = null;
  onerror: EventStream["onerror"] = null;
  private reconnectionTime = RECONNECTION_TIME;
  private timer: unknown;
  private readonly gaveUp = new AbortController();
  private readonly unsubscribe: () => void;

  constructor(
    private readonly session: Session,
    url: string | URL,
    private readonly options: EventsOptions,
  ) {
    super();
    this.url = new URL(url, globalThis.document?.baseURI).href;
    this.lastEventId = options.lastEventId ?? "";
    for (const type of ["open", "message", "error"] as const)
      super.addEventListener(type, (event) => this[`on${type}`]?.(event as MessageEvent<string>));
    this.unsubscribe = session.onEnded(() => this.fail());
    // Later, so that the caller can add its listeners.
    this.timer = setTimeout(() => void this.connect(), 0);
  }

  close(): void {
    this.readyState = 2;
    clearTimeout(this.timer as number);
    this.unsubscribe();
    this.gaveUp.abort();
  }

  private async connect(): Promise<void> {
    try {
      const { headers, credentials = "same-origin" } = this.options;
      const response = await this.session.fetch(this.url, {
        headers: {
          ...headers,
          Accept: "text/event-stream",
          ...(this.lastEventId && { "Last-Event-ID": encodeId(this.lastEventId) }),
        },
        credentials,
        cache: "no-store",
        signal: this.gaveUp.signal,
      });
      if (this.isClosed()) return;
      const isStream = /^text\/event-stream\s*(;|$)/i.test(response.headers.get("content-type") ?? "");
      if (response.status !== 200 || !isStream || !response.body) {
        response.body?.cancel().catch(() => {});
        return this.fail();
      }
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
      await this.read(response.body, new URL(response.url || this.url).origin);
    } catch {
      // A network error, or the end of this stream's session or of itself: told below.
    }
    if (this.isClosed()) return;
    if (this.session.state === "ended") return this.fail();
    this.readyState = 0;
    this.timer = setTimeout(() => void this.connect(), this.reconnectionTime);
    this.dispatchEvent(new Event("error"));
  }

  private async read(body: ReadableStream<Uint8Array>, origin: string): Promise<void> {
    const take = readEventStream(
      {
        event: (type, data, lastEventId) => {
          if (this.isClosed()) return;
          this.lastEventId = lastEventId;
          if (type) this.dispatchEvent(new MessageEvent(type, { data, lastEventId, origin }));
        },
        retry: (ms) => (this.reconnectionTime = ms),
      },
      this.lastEventId,
    );
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.isClosed()) return;
      take(decoder.decode(value, { stream: true }));
    }
  }

  private isClosed(): boolean {
    return this.readyState === 2;
  }

  private fail(): void {
    if (this.isClosed()) return;
    this.close();
    this.dispatchEvent(new Event("error"));
  }
}

/** A header holds bytes: the id is sent in UTF-8. */
function encodeId(id: string): string {
  return String.fromCharCode(...new TextEncoder().encode(id));
}
