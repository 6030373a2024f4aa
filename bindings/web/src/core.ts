import { deadlineIn } from "./clock.js";
import { converse, type Conversation, type Settled } from "./conversation.js";
import type { AccessToken, Session, SessionEnd, SessionState } from "./index.js";
import type { Exchange } from "./lend.js";
import { watchLife } from "./life.js";
import { createListeners } from "./listeners.js";
import { apply, requestHeaders, self, setHeader, startTimer, stopTimer, stringify, xhrSetHeader } from "./natives.js";
import type { OpenPort } from "./port.js";
import {
  isNewer,
  nameOf,
  parseMessage,
  type Api,
  type FromApp,
  type FromPage,
  type Gen,
  type State,
  type Why,
} from "./protocol.js";
import { createQueue, type Verdict } from "./queue.js";
import { createHolder, type Held } from "./token.js";

/** The document's one connection to the app: what every {@link Session} of the document shares. */
export interface Core extends Pick<Session, "onAccessToken" | "onEnded"> {
  state(): SessionState;
  held(): Held | undefined;
  /** Whether the app loads the page again for each newer token. */
  reloads(): boolean;
  /** Whether the document has belonged to a session. */
  bound(): boolean;
  /** Puts the token, if one is held, on a request that the page cannot reach. */
  authorize(request: Request): void;
  /** The same for an opened `XMLHttpRequest`, whose headers no one can read. */
  authorizeXhr(xhr: XMLHttpRequest): void;
  /** The statuses by which this origin rejects a token; `undefined` when the app lets no token go there. */
  rejected(origin: string): readonly unknown[] | undefined;
  /** Tells the app that a token was rejected or is about to end; calls that used the same one ask once. */
  need(used: Gen, why: Why): void;
  /** Lets the page refresh itself where the app lends its refresh token. Only the first one is taken. */
  lend(exchange: Exchange): boolean;
  /** Takes a message that came on no port of this document. */
  receive(text: string): void;
  /** The same, and waits for a newer token. Rejects with the signal's reason when the caller gives up. */
  renewed(used: Gen | undefined, why: Why, signal: AbortSignal): Promise<Verdict>;
}

/** An app that did not answer, or is busy, is not asked again sooner, in milliseconds. */
const RETRY_FLOOR = 250;

/** What the page has is told the app so much later, in milliseconds: its calls and its neighbours' come first. */
const ACK_DELAY = 250;

/** Starts the connection; without a host the core stays `plain`. */
export function createCore(open: OpenPort | undefined): Core {
  const { take, end, drop, held, secret, bound } = createHolder();
  const { wait, release } = createQueue();
  const tokens = createListeners(current);
  const ends = createListeners(() => ending);
  /** The questions under way, so that none is asked twice. */
  const asked = new Set<string>();
  /** Names this document to the app. */
  const doc = self.crypto.getRandomValues(new Uint32Array(4)).join("-");
  let state: SessionState = open ? "connecting" : "plain";
  let ending: SessionEnd | undefined;
  let api: Api = {};
  let mode: unknown;
  let exchange: Exchange | undefined;
  let conversation: Conversation | undefined;
  let greeted = false;
  let watched = false;
  /** Nothing is heard any more. */
  let deaf = false;
  let retry: unknown;
  let acks = false;

  function current(): AccessToken | undefined {
    const now = held();
    return now && { value: secret() as string, generation: nameOf(now.gen) };
  }

  function heard(message: FromApp, pushed?: boolean): void {
    if (deaf) return;
    if (message.k === "state") accept(message, pushed);
    if (message.k === "ended") finish(message.reason, message.gen);
    if (message.k === "notify" && isNewer(message.gen, held()?.gen)) greet();
    if (message.k !== "err") return;
    const { code } = message;
    // Refused for good. A page may be denied a lease and nothing else: that answer has an id.
    if ((code === "denied" && !message.id) || code === "version") degrade(code);
    // It no longer knows this document, or knows its end better than this page does.
    if (code === "stale" || code === "ended") greet();
  }

  function accept({ gen, at, exp, st, api: allowed, mode: chosen }: State, pushed?: boolean): void {
    if (ending && bound()) return;
    // Only an active session has an epoch to belong to.
    const taken = gen && st === "active" ? take(gen, at, deadlineIn(exp)) : "same";
    if (taken === "older") return;
    if (taken === "over") return finish("signed_out");
    state = st;
    api = allowed;
    mode = chosen;
    ending = undefined;
    if (taken === "same") return;
    // First the calls, then the page's own callbacks, which may be slow.
    release("newer", ({ used }) => isNewer(gen, used));
    tokens.call();
    // That a script arrived its host sees itself.
    if (acks || pushed) return;
    acks = true;
    startTimer(acknowledge, ACK_DELAY);
  }

  function acknowledge(): void {
    acks = false;
    const have = held()?.gen;
    if (have && !deaf) conversation?.send({ k: "ack", have });
  }

  function finish(reason: string, gen?: Gen): void {
    if (!end(gen)) return;
    state = "ended";
    ending = { reason };
    release("ended", () => true);
    ends.call();
  }

  /** From here on this is a page without an app. */
  function degrade(why: string): void {
    if (state === "ended" || state === "plain") return;
    state = "plain";
    deaf = true;
    drop();
    release("refused", () => true);
    console.warn("tokencast: plain fetch from now on:", why);
  }

  /** Asks once at a time. With `lend` the page would rather borrow the refresh token than be told the answer. */
  function ask(message: FromPage, settled: Settled, lend?: unknown): void {
    const question = stringify(message);
    if (asked.has(question) || !conversation || state === "plain") return;
    asked.add(question);
    const send = (what: FromPage) => conversation?.send(what, answered);
    const answered: Settled = (answer) => {
      if (lend && exchange && answer?.k === "lease")
        return exchange(answer, secret(), (brought) => (brought ? send(brought) : answered()));
      // No lease, or nothing came of it: the app can refresh by itself.
      if (lend && answer?.k !== "state") {
        lend = false;
        return send(message);
      }
      asked.delete(question);
      settled(answer);
    };
    send(lend ? { k: "lease" } : message);
  }

  function greet(): void {
    ask({ k: "hello", min: 1, max: 1, doc, have: held()?.gen ?? null, resume: greeted }, (answer) => {
      greeted ||= !!answer;
      stopTimer(retry);
      if (!answer || answer.k === "err") retry = startTimer(greet, Math.max(answer?.retryIn ?? 0, RETRY_FLOOR));
      // Active, and yet without a token: the app has tried, so there is nothing to wait for.
      else if (state === "active") release("refused", ({ used }) => !used);
    });
  }

  function need(used: Gen, why: Why): void {
    const settled: Settled = (answer) => {
      const confirmed = answer?.k === "state" && answer.st === "active";
      release(confirmed ? "confirmed" : "refused", (call) => call.why === why && call.used?.g === used.g);
    };
    ask({ k: "need", used, why }, settled, exchange && mode === "self");
  }

  function live(): void {
    if (watched) return;
    watched = true;
    watchLife({
      started() {
        if (!open) return;
        conversation = converse(open, heard, () => {
          conversation = undefined;
          degrade("connection lost");
        });
        greet();
      },
      shown: greet,
      left(forGood) {
        if (forGood) conversation?.send({ k: "bye", why: "pagehide" });
        drop();
        if (state === "active") state = "connecting";
      },
    });
  }
  if (open) live();

  return {
    state: () => state,
    held,
    bound,
    reloads: () => mode === "reload",
    authorize(request) {
      if (held()) apply(setHeader, apply(requestHeaders, request, []), ["Authorization", "Bearer " + secret()]);
    },
    authorizeXhr(xhr) {
      if (held()) apply(xhrSetHeader, xhr, ["Authorization", "Bearer " + secret()]);
    },
    rejected: (origin) => api[origin],
    receive(text) {
      const message = parseMessage(text);
      if (!message) return;
      live();
      heard(message, true);
    },
    need,
    lend: (wanted) => (exchange ??= wanted) === wanted,
    async renewed(used, why, signal) {
      if (isNewer(held()?.gen, used)) return "newer";
      if (state === "ended") return "ended";
      if (state === "plain") return "refused";
      const verdict = wait({ used, why }, signal);
      if (used) need(used, why);
      else greet();
      return verdict;
    },
    onAccessToken: tokens.add,
    onEnded: ends.add,
  };
}
