import { startTimer, stopTimer } from "./natives.js";
import type { OpenPort } from "./port.js";
import { encode, parseMessage, type FromApp, type FromPage } from "./protocol.js";

/** How long an unanswered message is waited for, in milliseconds: as long as a call waits. */
const ANSWER_TIMEOUT = 15_000;

/** What became of a message: the app's answer, or `undefined` when the time was up. */
export type Settled = (answer?: FromApp) => void;

/** Messages and their answers, over a port. */
export interface Conversation {
  /** Sends a message; `settled` is called exactly once. Without it the message has no answer. */
  send(message: FromPage, settled?: Settled): void;
}

/**
 * Opens the port. Every message of the app goes to `heard`, answer or not, before its question is settled: the newest
 * state counts however it comes.
 */
export function converse(open: OpenPort, heard: (message: FromApp) => void, lost: () => void): Conversation {
  const questions: { [id: string]: Settled } = Object.create(null);
  let count = 0;

  const settle = (id: string, answer?: FromApp) => {
    const settled = questions[id];
    delete questions[id];
    settled?.(answer);
  };

  const port = open((text) => {
    const message = parseMessage(text);
    if (!message) return;
    heard(message);
    if (message.id) settle(message.id, message);
  }, lost);

  return {
    send(message, settled) {
      const id = `${++count}`;
      if (settled) {
        const timer = startTimer(() => settle(id), ANSWER_TIMEOUT);
        questions[id] = (answer) => {
          stopTimer(timer);
          settled(answer);
        };
      }
      port.post(encode(id, message));
    },
  };
}
