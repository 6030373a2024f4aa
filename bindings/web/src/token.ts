import type { Deadline } from "./clock.js";
import { order, type Gen } from "./protocol.js";

/** The name and the end of the token that a page holds. */
export interface Held {
  readonly gen: Gen;
  /** The end of its life, by the app's clock. */
  readonly ends: Deadline;
}

/** What became of an offered token: taken over the one held, known already, stale, or a sign that the epoch is over. */
export type Taken = "newer" | "same" | "older" | "over";

/**
 * Keeps the highest generation, so that messages may arrive in any order.
 *
 * A document belongs to the epoch of its first state. Another epoch is another sign-in, perhaps another account: its
 * token must never replay this document's calls, so it is not taken, ever.
 */
export interface Holder {
  /** Offers a token, or an active state without one. */
  take(gen: Gen, value: string | undefined, ends: Deadline): Taken;
  /** Whether this end concerns the document. It is final for its epoch; without a generation it ends any. */
  end(gen?: Gen): boolean;
  /** Forgets the token, not the epoch. */
  drop(): void;
  held(): Held | undefined;
  /** The token itself, for a synchronous use: it must not be awaited, returned from an async function or thrown. */
  secret(): string | undefined;
  /** Whether the document belongs to an epoch. */
  bound(): boolean;
}

export function createHolder(): Holder {
  let held: Held | undefined;
  let secret: string | undefined;
  /** The highest generation taken; its epoch is the document's. */
  let highest: Gen | undefined;
  let over = false;
  /** The last epoch that ended, by store. */
  const ended: { [store: string]: number } = Object.create(null);

  const drop = () => {
    held = secret = undefined;
  };

  return {
    take(gen, value, ends) {
      if (over || gen.e <= (ended[gen.s] ?? -1)) return "older";
      const ahead = highest ? order(gen, highest) : 1;
      if (ahead === Infinity) return "over";
      // A later number without its token is nothing to hold: the number would only shut out the token.
      if (ahead < 0 || (highest && ahead && !value)) return "older";
      const renewed = value && (ahead || !held);
      highest = gen;
      secret = value ?? secret;
      // The same token again may bring a corrected end.
      if (secret) held = { gen, ends };
      return renewed ? "newer" : "same";
    },
    end(gen) {
      if (over) return false;
      if (gen) {
        ended[gen.s] = Math.max(gen.e, ended[gen.s] ?? -1);
        if (highest && order(gen, highest) === -Infinity) return false;
      }
      over = !!highest;
      drop();
      return true;
    },
    drop,
    held: () => held,
    secret: () => secret,
    bound: () => !!highest,
  };
}
