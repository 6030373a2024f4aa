import type { HandOver, Lease } from "./protocol.js";

/**
 * One exchange under a lease, with the access token that is to be renewed. Calls `done` once, with what it brought or
 * with nothing. What it is given goes through no promise here.
 */
export type Exchange = (lease: Lease, accessToken: string | undefined, done: (brought?: HandOver) => void) => void;

/** Under this name a session lets in `tokencast/self-refresh`, which is a bundle of its own. Returns whether it did. */
export const LEND = Symbol.for("tokencast.lend");

/** A session as `tokencast/self-refresh` sees it. */
export interface Lender {
  [LEND](exchange: Exchange): boolean;
}
