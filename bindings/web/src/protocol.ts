/** The messages of `tokencast/1`, as this page reads and writes them: one JSON text each, fields as on the wire. */

import type { Generation } from "./index.js";
import { parse, setPrototypeOf, stringify } from "./natives.js";

/** A {@link Generation} on the wire. */
export interface Gen {
  readonly s: string;
  readonly e: number;
  readonly g: number;
}

/** The app's session as it stands; the only message that holds an access token. */
export interface State {
  readonly k: "state";
  readonly id: string | undefined;
  /** `undefined` while the app does not know it: locked or restoring. */
  readonly gen: Gen | undefined;
  readonly st: "active" | "locked" | "restoring";
  readonly at: string | undefined;
  /** Milliseconds the token has left; infinite when the app does not know. */
  readonly exp: number;
  readonly api: Api;
  /**
   * How the app answers a 401: with a newer token for all (`inject`), by loading the page again (`reload`), or by
   * lending it the refresh token (`self`). Another one is taken for `inject`.
   */
  readonly mode: unknown;
}

/**
 * The refresh token, lent for one exchange. Its fields are as they came, without a prototype; only the author of the
 * exchange reads them.
 */
export interface Lease {
  readonly k: "lease";
  readonly id: string | undefined;
  /** The lease's name. */
  readonly lease: unknown;
  /** Milliseconds until it lapses. */
  readonly ttl: unknown;
  /** The generation whose refresh token this is. */
  readonly base: unknown;
  readonly rt: string;
  /** The idempotency key that belongs to the refresh token. */
  readonly key: unknown;
}

/** What an exchange under a lease brought: fields as on the wire. */
export interface HandOver {
  readonly k: "handover";
  readonly lease: unknown;
  readonly base: unknown;
  readonly at: string;
  readonly rt?: string;
  readonly exp: number;
}

/** The origins to which the app lets the token go, and the statuses by which each rejects one. */
export interface Api {
  readonly [origin: string]: readonly unknown[];
}

/** A message of the app, parsed; `unknown` is one of a later version, or a broken one. */
export type FromApp =
  | State
  | Lease
  | { readonly k: "notify"; readonly id: string | undefined; readonly gen: Gen }
  | { readonly k: "ended"; readonly id: string | undefined; readonly gen: Gen; readonly reason: string }
  | { readonly k: "err"; readonly id: string | undefined; readonly code: string; readonly retryIn: number }
  | { readonly k: "unknown"; readonly id: string | undefined };

/** A message of the page, without its version and id. */
export type FromPage =
  | { k: "hello"; min: 1; max: 1; doc: string; have: Gen | null; resume: boolean }
  | { k: "need"; used: Gen; why: Why }
  | { k: "lease" }
  | HandOver
  | { k: "ack"; have: Gen }
  | { k: "bye"; why: "pagehide" };

/** Why a page needs another token: an API rejected it, or it is about to end. */
export type Why = "401" | "expiring";

/** No message is longer, in UTF-16 units: tokens of 16 KiB are the longest in use. */
const MAX_LENGTH = 65_536;

/** Writes one message. */
export function encode(id: string, message: FromPage): string {
  // Without a prototype: a `toJSON` planted there would be called with the message, and a hand-over holds tokens.
  return stringify({ __proto__: null, v: 1, id, ...message });
}

/** Reads one message. Never throws; text that is no message of this version at all gives `undefined`. */
export function parseMessage(text: string): FromApp | undefined {
  let fields: Fields | undefined;
  try {
    if (text.length > MAX_LENGTH) return undefined;
    fields = record(parse(text));
  } catch {
    return undefined;
  }
  if (fields?.v !== 1) return undefined;
  const id = typeof fields.id === "string" ? fields.id : undefined;
  return parseKind(fields, id, parseGen(fields.gen)) ?? { k: "unknown", id };
}

/**
 * How `a` stands to `b`: positive when it is newer. Generations compare only within one store and epoch; a later epoch
 * is infinitely newer, and so is any epoch of another store.
 */
export function order(a: Gen, b: Gen): number {
  if (a.s !== b.s || a.e > b.e) return Infinity;
  return a.e < b.e ? -Infinity : a.g - b.g;
}

/** Whether `a` is something that `b` is not yet. */
export function isNewer(a: Gen | undefined, b: Gen | undefined): boolean {
  return !!a && (!b || order(a, b) > 0);
}

/** The public form of a generation. */
export function nameOf({ s, e, g }: Gen): Generation {
  return { store: s, epoch: e, number: g };
}

type Fields = { readonly [name: string]: unknown };

function parseKind(fields: Fields, id: string | undefined, gen: Gen | undefined): FromApp | undefined {
  const { k, code, reason, retry_ms, rt } = fields;
  if (k === "state") return parseState(fields, id, gen);
  if (k === "lease" && typeof rt === "string") return fields as unknown as Lease;
  if (k === "notify" && gen) return { k, id, gen };
  if (k === "ended" && gen) return { k, id, gen, reason: typeof reason === "string" ? reason : "server" };
  if (k === "err" && typeof code === "string") return { k, id, code, retryIn: isCount(retry_ms) ? retry_ms : 1000 };
  return undefined;
}

function parseState({ k, st, at, exp, api, mode }: Fields, id: string | undefined, gen: Gen | undefined): State | undefined {
  // A token without a generation could not be ordered, and an active session has one.
  if (!gen && at != null) return undefined;
  if (!(st === "active" ? gen : st === "locked" || st === "restoring")) return undefined;
  if ((at != null && !isToken(at)) || !Array.isArray(api)) return undefined;
  return {
    k: k as "state",
    id,
    gen,
    st: st as State["st"],
    at: (at ?? undefined) as string | undefined,
    exp: typeof exp === "number" ? exp : Infinity,
    api: parseApi(api),
    mode,
  };
}

/** An entry that cannot be read allows nothing. */
function parseApi(list: readonly unknown[]): Api {
  const api = Object.create(null);
  for (const entry of list) {
    const { origin, rejected } = record(entry) ?? {};
    if (typeof origin === "string" && Array.isArray(rejected)) api[origin] = rejected;
  }
  return api;
}

function parseGen(value: unknown): Gen | undefined {
  const { s, e, g } = record(value) ?? {};
  return typeof s === "string" && isCount(e) && isCount(g) ? { s, e, g } : undefined;
}

/**
 * An object of the message, cut off from `Object.prototype`: a getter planted there would be called with the message,
 * token and all, for every field that is missing.
 */
function record(value: unknown): Fields | undefined {
  return typeof value === "object" && value ? setPrototypeOf(value, null) : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value % 1 === 0;
}

/**
 * Printable ASCII, as RFC 6749 appendix A.12 has it, without the space, which no `Authorization` header can carry. By
 * index: a regular expression or a string method could be patched to see the token.
 */
function isToken(value: unknown): value is string {
  if (typeof value !== "string" || !value) return false;
  for (let i = 0; i < value.length; i++) {
    const character = value[i] as string;
    if (character < "!" || character > "~") return false;
  }
  return true;
}
