import { deadlineIn } from "./clock.js";
import { startTimer, stopTimer } from "./natives.js";
import type { Gen, Why } from "./protocol.js";

/** At most so many calls wait at once. */
const QUEUE_LENGTH = 64;
/** No call waits longer, in milliseconds. */
const QUEUE_TIMEOUT = 15_000;

/**
 * Why a call stopped waiting:
 * - `newer`: a newer generation than the one it used is held;
 * - `confirmed`: the app stands by the one it used;
 * - `refused`: no token is to be had now, or the call waited too long, or too many wait;
 * - `ended`: the session ended.
 */
export type Verdict = "newer" | "confirmed" | "refused" | "ended";

/** What a waiting call waits for: a token newer than the one it used, or any if it has used none. */
export interface Waiting {
  readonly used: Gen | undefined;
  readonly why: Why;
}

/** The calls that wait, bounded in number and time. */
export interface Queue {
  /** Waits for a verdict. Rejects with the signal's reason when the caller gives up. */
  wait(call: Waiting, signal: AbortSignal): Promise<Verdict>;
  /** Ends the waiting of those calls. */
  release(verdict: Verdict, which: (call: Waiting) => boolean): void;
}

export function createQueue(): Queue {
  const queue = new Map<(verdict?: Verdict) => void, Waiting>();

  return {
    wait: (call, signal) =>
      new Promise((resolve, reject) => {
        if (queue.size >= QUEUE_LENGTH) return resolve("refused");

        const deadline = deadlineIn(QUEUE_TIMEOUT);
        const done = (verdict?: Verdict) => {
          queue.delete(done);
          stopTimer(timer);
          signal.removeEventListener("abort", abort);
          if (!verdict) reject(signal.reason);
          // Timers stop in sleep and are throttled in hidden pages, so lateness is judged here as well.
          else resolve(verdict !== "ended" && deadline.passed() ? "refused" : verdict);
        };
        const abort = () => done();
        const timer = startTimer(() => done("refused"), QUEUE_TIMEOUT);
        queue.set(done, call);
        signal.addEventListener("abort", abort);
        if (signal.aborted) abort();
      }),
    release(verdict, which) {
      queue.forEach((call, done) => which(call) && done(verdict));
    },
  };
}
