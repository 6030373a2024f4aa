/**
 * For apps whose policy lets a page refresh by itself: the app lends its refresh token for one exchange, the page's own
 * code makes it, and the app takes over what it brought, for itself and all other pages.
 *
 * The refresh token is in the page for as long as the exchange takes. Whatever else runs in the page's origin can get
 * it then, so this is the weakest of the three strategies; choose it only where the app cannot make the exchange.
 *
 * @packageDocumentation
 */

import { errorOf } from "./error.js";
import type { Session } from "./index.js";
import { LEND, type Lender } from "./lend.js";
import type { HandOver, Lease } from "./protocol.js";

/** What the app lends for one exchange. */
export interface RefreshLease {
  /** The access token that is to be renewed, if the page holds it still. */
  readonly accessToken: string | undefined;
  /** The refresh token. Send it to the token endpoint and nowhere else; keep it nowhere. */
  readonly refreshToken: string;
  /** Belongs to the refresh token: a server that knows the key answers a repeated exchange as it did the first. */
  readonly idempotencyKey: string;
  /** Aborted 5 s before the lease lapses: what comes later may be too late for the app. Pass it to `fetch`. */
  readonly signal: AbortSignal;
}

/** What the exchange brought. */
export interface RefreshedTokens {
  /** The new access token. */
  readonly accessToken: string;
  /** The next refresh token, if the server rotates them. */
  readonly refreshToken?: string | undefined;
  /** The access token's life, in seconds. */
  readonly expiresIn: number;
}

/**
 * The page's exchange at the token endpoint. Whatever it throws is reported as an uncaught error of the page.
 *
 * Its promise is the page's own: a script that planted a `then` in `Object.prototype` is handed what it resolves to.
 * An object without a prototype, `{ __proto__: null, accessToken, … }`, keeps even that away.
 */
export type RefreshExchange = (lease: RefreshLease) => Promise<RefreshedTokens>;

/** An error of the self-refresh. */
export interface SelfRefreshError extends Error {
  /** Tells it from other errors. */
  readonly name: "TokencastError";
  /**
   * - `misconfigured`: the session takes no exchange, the message says why;
   * - `timed_out`: the reason of the signal when the lease is about to lapse;
   * - `invalid_tokens`: the exchange gave what is no token or no time.
   */
  readonly code: "misconfigured" | "timed_out" | "invalid_tokens";
}

/** The time that is kept for the hand-over, in milliseconds. */
const MARGIN = 5000;

// As they were at evaluation: what is patched later is not shown the tokens.
const { apply } = Reflect;
const { then } = Promise.prototype;
const resolve = Promise.resolve.bind(Promise);
const { hasOwnProperty } = Object.prototype;
const startTimer = globalThis.setTimeout.bind(globalThis);
const stopTimer = globalThis.clearTimeout.bind(globalThis);

/**
 * Makes the page refresh by itself from now on, where the app's policy says so; elsewhere nothing changes. One exchange
 * a document; it stays.
 *
 * An exchange that fails is not tried again here. The app waits until the lease has lapsed, exchanges the refresh token
 * itself with the same idempotency key, and lends this page none for 10 minutes.
 *
 * @param session what `connect` gave.
 * @throws TokencastError `misconfigured` when the session is none of this version, or has an exchange already.
 */
export function selfRefresh(session: Session, exchange: RefreshExchange): void {
  const lend = (session as Partial<Lender>)[LEND];
  if (!lend) throw errorOf("misconfigured", "selfRefresh: not a session of this version");
  if (!lend(borrow)) throw errorOf("misconfigured", "selfRefresh: this page has an exchange already");

  function borrow(
    { lease, ttl, base, rt, key }: Lease,
    accessToken: string | undefined,
    done: (brought?: HandOver) => void,
  ): void {
    const gaveUp = new AbortController();
    const left = typeof ttl === "number" ? ttl : 0;
    const abort = () => gaveUp.abort(errorOf("timed_out", "selfRefresh: the lease is about to lapse"));
    const timers = [
      startTimer(abort, Math.max(0, left - MARGIN)),
      // Until then the app takes what an exchange brings that did not heed its signal.
      startTimer(() => settle(), left),
    ];
    let settled = false;
    function settle(brought?: HandOver): void {
      if (settled) return;
      settled = true;
      timers.forEach(stopTimer);
      done(brought);
    }
    function fail(error: unknown): void {
      settle();
      // As an uncaught error, where a page looks for it.
      startTimer(() => {
        throw error;
      }, 0);
    }

    try {
      const lent = { accessToken, refreshToken: rt, idempotencyKey: key as string, signal: gaveUp.signal };
      const taken = (tokens: unknown) => {
        const brought = handOver(tokens);
        if (brought) settle({ k: "handover", lease, base, ...brought });
        else fail(errorOf("invalid_tokens", "selfRefresh: the exchange gave no access token, or no time in seconds"));
      };
      apply(then, resolve(exchange(lent)), [taken, fail]);
    } catch (error) {
      fail(error);
    }
  }
}

/** What the app is to take over; `undefined` when that cannot be tokens. */
function handOver(tokens: unknown): Pick<HandOver, "at" | "rt" | "exp"> | undefined {
  const at = own(tokens, "accessToken");
  const rt = own(tokens, "refreshToken");
  const life = own(tokens, "expiresIn");
  if (!isToken(at) || !(rt === undefined || isToken(rt))) return undefined;
  if (typeof life !== "number" || !(life >= 0)) return undefined;
  const exp = Math.min(Math.round(life * 1000), Number.MAX_SAFE_INTEGER);
  return rt === undefined ? { at, exp } : { at, rt, exp };
}

/** A field of its own: a getter planted in `Object.prototype` would be called with the tokens. */
function own(tokens: unknown, name: keyof RefreshedTokens): unknown {
  return typeof tokens === "object" && tokens && apply(hasOwnProperty, tokens, [name])
    ? (tokens as RefreshedTokens)[name]
    : undefined;
}

function isToken(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
