import type { Core } from "./core.js";
import { TokencastError } from "./error.js";
import type { FetchInit, Session } from "./index.js";
import type { Deadline } from "./clock.js";
import { Request, apply, fetch, requestHeaders, requestUrl, setHeader } from "./natives.js";
import { originOf } from "./origins.js";
import type { Gen } from "./protocol.js";
import type { Verdict } from "./queue.js";

/** A stream cannot be replayed, so it is not sent with less than this left on the token, in milliseconds. */
const STREAM_MARGIN = 30_000;
const SAFE = ["GET", "HEAD", "OPTIONS"];

/**
 * The replaying fetch. The token is put on a copy of the request that none of the page's code can reach, in a
 * synchronous function: what is awaited here is the page's own response, never the token.
 */
export function replayingFetch(core: Core, origins: readonly string[]): Session["fetch"] {
  const send = (request: Request): Sent => {
    const held = core.held();
    const outgoing = new Request(request);
    if (held) apply(setHeader, apply(requestHeaders, outgoing, []), ["Authorization", "Bearer " + held.value]);
    return { response: plain(outgoing), used: held?.gen, ends: held?.ends };
  };

  return async (input, init) => {
    if (core.state() === "plain") return plain(input, init);

    const call = prepare(input, init);
    const isOurs = () => core.rejected(call.origin);
    if (!origins.includes(call.origin) || call.opaque || call.authorized) return plain(call.first);
    if (call.keepalive) return isOurs() ? send(call.first).response : plain(call.first);

    // Taken before sending: afterwards the body is gone.
    const again = replayOf(call.first, input, init);
    const { signal } = call.first;
    const held = core.held();
    if (core.state() !== "ended" && (!held || held.ends.left() <= (again ? 0 : STREAM_MARGIN))) {
      const verdict = await core.renewed(held?.gen, "expiring", signal);
      // A document that has had a session keeps this call from going out in the name of no one, or of the next one.
      if (verdict === "ended" && core.bound()) throw new TokencastError("ended", "the session ended while this call waited");
    }
    const rejected = isOurs();
    if (!rejected) return plain(call.first);

    const { response, used, ends } = send(call.first);
    if (!used || !ends) return response;
    let answer: Response;
    try {
      answer = await response;
    } catch (error) {
      // A 401 without CORS headers looks like a network error. With a token past its end it probably was one.
      if (signal.aborted || !ends.passed() || !call.readOnly) throw error;
      if ((await core.renewed(used, "expiring", signal)) !== "newer") throw error;
      return send(call.first).response;
    }
    if (!isRejection(answer, call.origin, rejected)) return answer;
    if (!again) {
      core.need(used, "401");
      return answer;
    }
    const expired = ends.passed();
    const verdict = await core.renewed(used, "401", signal);
    if (!mayReplay(verdict, expired, call) || !core.held()) return answer;
    answer.body?.cancel().catch(() => {});
    return send(again()).response;
  };
}

/** A request under way, and the generation it carries. */
interface Sent {
  readonly response: Promise<Response>;
  readonly used: Gen | undefined;
  readonly ends: Deadline | undefined;
}

/** A call as the page made it. */
interface Call {
  readonly origin: string;
  readonly first: Request;
  /** The answer could not be read, so no token may be risked on it. */
  readonly opaque: boolean;
  /** The caller brought an `Authorization` of its own. */
  readonly authorized: boolean;
  readonly keepalive: boolean;
  readonly readOnly: boolean;
  /** Sending it twice does no harm: a safe method, or a key by which the server knows the replay. */
  readonly repeatable: boolean;
}

function prepare(input: RequestInfo | URL, init?: FetchInit): Call {
  const first = new Request(input, requestInit(init));
  const { method, mode, headers, keepalive } = first;
  return {
    origin: originOf(apply(requestUrl, first, [])) ?? "",
    first,
    opaque: mode === "no-cors",
    authorized: headers.has("authorization"),
    keepalive,
    readOnly: method === "GET" || method === "HEAD",
    repeatable: SAFE.includes(method) || headers.has("idempotency-key"),
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

/** The platform's form of an init: a body factory is called. Without a prototype, so that only the page's fields are read. */
function requestInit(init: FetchInit | undefined): RequestInit | undefined {
  if (typeof init?.body !== "function") return init as RequestInit | undefined;
  return Object.assign(Object.create(null), init, { body: init.body() });
}

/** Whether the answer says that the token is bad, and not something that another token would not change. */
function isRejection(answer: Response, origin: string, statuses: readonly number[]): boolean {
  if (!statuses.includes(answer.status)) return false;
  // After a redirect to elsewhere it was not our token that was judged.
  if (answer.redirected && originOf(answer.url) !== origin) return false;
  const challenge = answer.headers.get("www-authenticate");
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
function mayReplay(verdict: Verdict, expired: boolean, call: Call): boolean {
  return verdict === "newer" || (verdict === "confirmed" && (expired || call.repeatable));
}
