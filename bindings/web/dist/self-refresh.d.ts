/**
 * For apps whose policy lets a page refresh by itself: the app lends its refresh token for one exchange, the page's own
 * code makes it, and the app takes over what it brought, for itself and all other pages.
 *
 * The refresh token is in the page for as long as the exchange takes. Whatever else runs in the page's origin can get
 * it then, so this is the weakest of the three strategies; choose it only where the app cannot make the exchange.
 *
 * @packageDocumentation
 */
import type { Session } from "./tokencast.js";
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
export declare function selfRefresh(session: Session, exchange: RefreshExchange): void;
