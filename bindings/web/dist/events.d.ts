/**
 * Server-sent events over the session's fetch: `EventSource` cannot send an access token.
 *
 * @packageDocumentation
 */
import type { Session } from "./tokencast.js";
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
    addEventListener(type: string, listener: ((event: MessageEvent<string>) => void) | EventListenerObject | null, options?: AddEventListenerOptions | boolean): void;
    /** Closes it for good. */
    close(): void;
}
/**
 * Opens a stream. It is connected again when it ends, also with the newer token when the server ended it because the old
 * one expired; a status other than 200, another media type, and the end of the session close it for good, with `error`.
 *
 * @throws TypeError when the URL is none.
 */
export declare function openEvents(session: Session, url: string | URL, options?: EventsOptions): EventStream;
