/**
 * The page's half of Tokencast. The app holds the refresh token and does every refresh; a page only ever holds the
 * current access token, asks the app when an API rejects it, and replays the rejected call once.
 *
 * The way of a 401 from here: `fetch.ts` sees it, `core.ts` asks the app, `token.ts` keeps the newer generation,
 * `fetch.ts` replays.
 *
 * @packageDocumentation
 */

import { connection } from "./connection.js";
import { LEND, type Lender } from "./lend.js";
import { apiOrigins } from "./origins.js";
import { replayingFetch } from "./fetch.js";
import { replayingXhr } from "./xhr.js";
import { nameOf } from "./protocol.js";

/** What {@link connect} needs to know. */
export interface ConnectOptions {
  /**
   * The API origins that may see the access token, such as `https://api.example.com`. `https` only, plain `http` for
   * loopback addresses. The app has a list of its own: the token goes only to an origin on both.
   */
  readonly api: readonly string[];
  /**
   * Puts {@link Session.fetch} and {@link Session.XMLHttpRequest} in the place of the page's globals, so that libraries
   * such as axios work without a change. They take the globals when they call, so connect before the first call.
   */
  readonly globals?: boolean;
}

/** The page's view of the app's session. */
export interface Session {
  /**
   * `fetch` with the app's access token. When the API rejects the token, the app refreshes and the call is sent once
   * more. A call to any other origin, one with its own `Authorization`, and every call outside an app is plain `fetch`.
   *
   * A `POST`, or another unsafe method, is sent again only when the app explains the 401 by a newer generation or the
   * token was past its end; with an `Idempotency-Key` it is treated as safe. A stream is sent once: give a function
   * that makes the body, or know that its 401 is final.
   *
   * A call waits for the app at most 15 s (and at most 64 calls do); then it gets its own 401.
   *
   * @throws TypeError as `fetch` does, for a network error or a body that was used already.
   * @throws TokencastError `ended` when the session ended while the call was waiting to be sent.
   */
  fetch(input: RequestInfo | URL, init?: FetchInit): Promise<Response>;

  /**
   * `XMLHttpRequest` under the same rules as {@link Session.fetch}. Its events are held back while a rejected call waits
   * for the app. A synchronous call gets the header only and is never replayed. `undefined` outside a browser.
   */
  readonly XMLHttpRequest: typeof globalThis.XMLHttpRequest;

  /**
   * Calls back with the current access token, if there is one, and with every newer one: for sockets and whatever does
   * not go through {@link Session.fetch}. Generations only rise; one may be skipped.
   */
  onAccessToken(callback: (token: AccessToken) => void): Unsubscribe;

  /** Calls back when the session ends, and soon when it has ended already. */
  onEnded(callback: (end: SessionEnd) => void): Unsubscribe;

  /** Where the session stands now. */
  readonly state: SessionState;

  /** The generation of the access token this page holds, if it holds one. */
  readonly generation: Generation | undefined;
}

/** `RequestInit` whose body may be made anew for each sending, so that a stream can be replayed. */
export interface FetchInit extends Omit<RequestInit, "body"> {
  /** What is sent, or what makes it: called once for each sending. */
  body?: BodyInit | null | (() => BodyInit | null);
}

/** An access token and the name of its generation. */
export interface AccessToken {
  /** The secret itself. Keep it out of storage, URLs and logs. */
  readonly value: string;
  /** Its name, which may be logged. */
  readonly generation: Generation;
}

/**
 * Names one access token without revealing it. Numbers compare only within one `store` and `epoch`: the epoch grows at
 * each sign-in and sign-out, the number with each accepted token.
 */
export interface Generation {
  /** The app's storage, a random name. */
  readonly store: string;
  /** The sign-in. */
  readonly epoch: number;
  /** The token within the sign-in. */
  readonly number: number;
}

/**
 * - `connecting`: the app has not answered yet;
 * - `active`: signed in;
 * - `locked`: the app cannot read its storage now, for instance before the first unlock;
 * - `restoring`: the app is still starting;
 * - `ended`: signed out or dead, see {@link Session.onEnded};
 * - `plain`: no app here, or the connection was lost; `fetch` is plain `fetch`.
 */
export type SessionState = "connecting" | "active" | "locked" | "restoring" | "ended" | "plain";

/** The end of a session. */
export interface SessionEnd {
  /** Why it ended; an app newer than this page may name other reasons. */
  readonly reason: EndReason | (string & {});
}

/** The known reasons; `server` stands for one of the server's own. */
export type EndReason =
  | "signed_out"
  | "expired"
  | "revoked"
  | "reuse_detected"
  | "password_changed"
  | "signed_in_elsewhere"
  | "key_lost"
  | "store_lost"
  | "stale_install"
  | "interrupted_rotation"
  | "server";

/** Ends a subscription. Calling it again does nothing. */
export type Unsubscribe = () => void;

/** An error of this client. */
export interface TokencastError extends Error {
  /** Tells it from other errors: `instanceof` does not, across bundles. */
  readonly name: "TokencastError";
  /** `misconfigured`: an option is wrong, the message says which. `ended`: the session ended. */
  readonly code: "misconfigured" | "ended";
}

/** Set by the build of the injected script: in an app that only pushes, a page is plain until the first push. */
declare const INJECTED: boolean | undefined;

/**
 * Connects the page to its app. Returns at once and does not fail where there is no app: the session's state is then
 * `plain`. Further calls share the one connection.
 *
 * @throws TokencastError `misconfigured` when `api` holds anything but origins.
 */
export function connect(options: ConnectOptions): Session {
  const injected = (globalThis as { tokencast?: { connect?: unknown } }).tokencast?.connect;
  // The injected script ran at document start: its view of the globals is the older one, and it has the app's channel.
  if (typeof injected === "function" && injected !== connect) return injected(options) as Session;

  const origins = apiOrigins(options.api);
  const shared = connection();
  const session: Session & Lender = {
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
    },
  };
  if (options.globals && (typeof INJECTED !== "undefined" || shared.state() !== "plain")) {
    Object.assign(globalThis, { fetch: session.fetch, XMLHttpRequest: session.XMLHttpRequest });
  }
  return session;
}
