/**
 * The page's globals as they were when this script was evaluated. Whatever the page does to them later is not seen by
 * the client, and does not see the token. Captured is what touches the token or decides where it goes; elsewhere the
 * client may use the page's globals, for the page may as well watch its own calls.
 *
 * Parts that are missing (Node, old engines) stay undefined: there is no app then, and `fetch` is all that is used.
 */

export const self = globalThis;
/** Whether this document is of no origin (sandbox, `data:`): no page of ours. */
export const isOpaque = self.origin === "null";
export const { fetch, Request, URL, WebSocket, XMLHttpRequest } = self;
export const { abort: xhrAbort, open: xhrOpen, send: xhrSend, setRequestHeader: xhrSetHeader } = (XMLHttpRequest?.prototype ??
  {}) as XMLHttpRequest;
/** A hand-over holds tokens. */
export const { send: socketSend } = (WebSocket?.prototype ?? {}) as WebSocket;
export const { apply } = Reflect;
export const { parse, stringify } = JSON;
export const { setPrototypeOf } = Object;
export const setHeader = Headers.prototype.set;
export const requestHeaders = getter<Request, Headers>(Request, "headers");
export const requestUrl = getter<Request, string>(Request, "url");
export const urlOrigin = getter<URL, string>(URL, "origin");
const messageData = getter<MessageEvent, unknown>(self.MessageEvent, "data");
export const messagePorts = getter<MessageEvent, readonly MessagePort[] | undefined>(self.MessageEvent, "ports");
export const { postMessage, start: startPort } = self.MessagePort.prototype;

/** Calls back after some milliseconds. */
export const startTimer: (callback: () => void, ms: number) => unknown = self.setTimeout.bind(self);

/** Stops a timer, if it is one and runs still. */
export const stopTimer = self.clearTimeout.bind(self) as (timer: unknown) => void;

/** Milliseconds on a clock that no one sets, but which may stop while the device sleeps. */
export const monotonic: () => number = self.performance.now.bind(self.performance);

/** Milliseconds on the wall clock. */
export const wall: () => number = self.Date.now;

const { addEventListener } = EventTarget.prototype;

/** Adds a listener; a page that wraps `addEventListener` would otherwise be handed every event. */
export function listen(target: EventTarget, type: string, handler: (event: Event) => void, capture = false): void {
  apply(addEventListener, target, [type, handler, capture]);
}

/** Hands over the text of each message that comes; what is no text is none of the app's. */
export function listenForText(target: EventTarget, received: (text: string) => void): void {
  listen(target, "message", (event) => {
    const text = apply(messageData, event as MessageEvent, []);
    if (typeof text === "string") received(text);
  });
}

function getter<This, Value>(type: { prototype: This }, name: keyof This): (this: This) => Value {
  return Object.getOwnPropertyDescriptor(type?.prototype, name)?.get as (this: This) => Value;
}
