import type { Core } from "./core.js";
import { errorOf } from "./error.js";
import type { FetchInit, Session } from "./index.js";
import { Request, apply, fetch, requestUrl } from "./natives.js";
import { originOf } from "./origins.js";
import type { Verdict } from "./queue.js";

/** A stream cannot be replayed, so it is not sent with less than this left on the token, in milliseconds. */
const STREAM_MARGIN = 30_000;

/**
 * The replaying fetch. The token is put on a copy of the request that none of the page's code can reach, in a
 * synchronous function: what is awaited here is the page's own response, never the token.
 */
export function replayingFetch(core: Core, origins: readonly string[]): Session["fetch"] {
  return async (input, init) => {
    if (core.state() === "plain") return plain(input, init);

    const first = new Request(input, requestInit(init));
    const { method, mode, headers, keepalive, signal } = first;
    const origin = originOf(apply(requestUrl, first, []));
    // With `no-cors` the answer could not be read, so no token is risked on it.
    if (!origins.includes(origin) || mode === "no-cors" || headers.has("authorization")) return plain(first);

    const send = (request: Request) => {
      const outgoing = new Request(request);
      // Looked at again: a body factory makes the request anew, and the page's URL object may have changed.
      if (originOf(apply(requestUrl, outgoing, [])) === origin && core.rejected(origin)) core.authorize(outgoing);
      return plain(outgoing);
    };
    if (keepalive) return send(first);

    // Taken before sending: afterwards the body is gone.
    const again = replayOf(first, input, init);
    const before = core.held();
    if (core.state() !== "ended" && (!before || before.ends.left() <= (again ? 0 : STREAM_MARGIN))) {
      const verdict = await core.renewed(before?.gen, "expiring", signal);
      // Once signed in, a call never goes out in the name of no one, or of the next one.
      if (verdict === "ended" && core.bound()) throw errorOf("ended", "the session ended while this call waited");
    }

    const statuses = core.rejected(origin);
    const held = core.held();
    const response = send(first);
    if (!statuses || !held) return response;
    const { gen, ends } = held;
    let answer: Response;
    try {
      answer = await response;
    } catch (error) {
      // A 401 without CORS headers looks like a network error. With a token past its end it probably was one.
      if (signal.aborted || !ends.passed() || !/^(GET|HEAD)$/.test(method)) throw error;
      if ((await core.renewed(gen, "expiring", signal)) !== "newer") throw error;
      return send(first);
    }

    if (!statuses.includes(answer.status) || !isRejection(answer.url, answer.headers.get("www-authenticate"), origin)) return answer;
    if (!again) {
      core.need(gen, "401");
      return answer;
    }
    const expired = ends.passed();
    const verdict = await core.renewed(gen, "401", signal);
    const repeatable = /^(GET|HEAD|OPTIONS)$/.test(method) || headers.has("idempotency-key");
    if (!mayReplay(verdict, expired || repeatable) || !core.held()) return answer;
    answer.body?.cancel().catch(() => {});
    return send(again());
  };
}

/** Makes the request for the replay; `undefined` when the body can be sent only once. */
function replayOf(first: Request, input: RequestInfo | URL, init?: FetchInit): (() => Request) | undefined {
  if (typeof init?.body === "function") return () => new Request(input, requestInit(init));
  if (init?.body instanceof ReadableStream) return undefined;
  const clone = first.clone();
  return () => clone;
}

function plain(input: RequestInfo | URL, init?: FetchInit): Promise<Response> {
  return apply(fetch, undefined, [input, requestInit(init)]);
}

/** The platform's form of an init: a body factory is called. It has no prototype, so only the page's fields are read. */
function requestInit(init: FetchInit | undefined): RequestInit | undefined {
  if (typeof init?.body !== "function") return init as RequestInit | undefined;
  return Object.assign(Object.create(null), init, { body: init.body() });
}

/** Whether the answer says that the token is bad, and not something that another token would not change. */
export function isRejection(url: string, challenge: string | null, origin: string): boolean {
  // After a redirect to elsewhere it was not our token that was judged.
  if (url && originOf(url) !== origin) return false;
  return challenge === null || /(^|[\s,])error\s*=\s*"?invalid_token"?\s*(,|$)/i.test(challenge);
}

/**
 * One replay a call, and only if the first sending surely did nothing, or doing it twice is harmless.
 *
 * A 401 is explained when the token was past its end by the app's clock, or when the app answers with a newer
 * generation. The page cannot tell whether that generation existed before or was made because of its own report; the
 * app can, and it bars a page whose reports stay unexplained (`err/rate`), so the page takes its word. What is left is
 * an app that stands by the very token: then the 401 was not about the token, and who knows what the server did.
 */
export function mayReplay(verdict: Verdict, harmless: boolean): boolean {
  return verdict === "newer" || (verdict === "confirmed" && harmless);
}
