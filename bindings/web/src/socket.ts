/**
 * A WebSocket that signs in with the app's access token, and again with every newer one: by its first message
 * ({@link authenticate}), or by its subprotocol ({@link openSocket}) where the server judges before it accepts.
 *
 * @packageDocumentation
 */

import { errorOf } from "./error.js";
import type { Session, Unsubscribe } from "./index.js";

// As it was at evaluation: one that is patched later is not shown the token.
const { WebSocket } = globalThis;

/** How {@link authenticate} tells the server the token. */
export interface SocketOptions {
  /**
   * Makes the message that signs in; it is the first one after opening, and sent again for every newer token. The
   * socket's URL must never hold the token: servers and proxies log it.
   */
  readonly message: (accessToken: string) => string;
}

/**
 * Sends the token as the socket's first message, and every newer token as soon as the page has it. Closes the socket
 * with 1000 when the session ends. Call it right after the socket was made and before other listeners
 * send; while the page has no token yet nothing is sent here, so a server must refuse what comes before the sign-in.
 *
 * @returns ends the signing in; the socket itself stays open.
 */
export function authenticate(socket: WebSocket, session: Session, options: SocketOptions): Unsubscribe {
  let current: string | undefined;
  const send = () => {
    if (current !== undefined && socket.readyState === WebSocket.OPEN) socket.send(options.message(current));
  };
  socket.addEventListener("open", send);
  const ends = [
    session.onAccessToken(({ value }) => {
      current = value;
      send();
    }),
    session.onEnded(() => {
      stop();
      socket.close(1000);
    }),
  ];
  function stop(): void {
    current = undefined;
    socket.removeEventListener("open", send);
    for (const end of ends) end();
  }
  socket.addEventListener("close", stop);
  return stop;
}

/** How {@link openSocket} tells the server the token. */
export interface SubprotocolOptions {
  /**
   * Makes the subprotocols that the socket offers, such as `["chat.1", "bearer." + token]`; the server must choose one
   * that is not the token, for its choice is readable in `socket.protocol`. Characters other than those of an HTTP token
   * have to be encoded, `/` and `=` among them.
   */
  readonly protocols: (accessToken: string) => readonly string[];
  /** Called with each new socket, before anything happens to it: the place to add listeners. */
  readonly onSocket: (socket: WebSocket) => void;
}

/** An error of {@link openSocket}, reported as an uncaught error of the page: its message does not hold the token. */
export interface SocketError extends Error {
  /** Tells it from other errors. */
  readonly name: "TokencastError";
  /** `invalid_subprotocol`: what `protocols` made cannot be offered. */
  readonly code: "invalid_subprotocol";
}

/**
 * Opens a socket as soon as the page has a token, and another one with every newer token; the one before is closed with
 * 1000 once the new one is open, so that nothing is missed in between. Closes it when the session ends. A socket that
 * closes otherwise is not opened again before there is a newer token.
 *
 * @returns closes the socket and ends all of this.
 */
export function openSocket(session: Session, url: string | URL, options: SubprotocolOptions): Unsubscribe {
  /** Those that are not closed, oldest first. */
  let sockets: WebSocket[] = [];
  const ends = [session.onAccessToken(({ value }) => open(value)), session.onEnded(stop)];

  function open(accessToken: string): void {
    const socket = connect(url, options.protocols(accessToken));
    sockets.push(socket);
    socket.addEventListener("open", () => sockets.slice(0, sockets.indexOf(socket)).forEach((older) => older.close(1000)));
    socket.addEventListener("close", () => (sockets = sockets.filter((other) => other !== socket)));
    options.onSocket(socket);
  }
  function stop(): void {
    for (const end of ends) end();
    for (const socket of sockets) socket.close(1000);
  }
  return stop;
}

/** The constructor's own error would quote the token. */
function connect(url: string | URL, protocols: readonly string[]): WebSocket {
  try {
    return new WebSocket(url, [...protocols]);
  } catch (error) {
    const areNames = protocols.every((protocol) => /^[!#$%&'*+.^_`|~\w-]+$/.test(protocol));
    if (areNames && new Set(protocols).size === protocols.length) throw error;
    throw errorOf("invalid_subprotocol", "openSocket: a subprotocol holds characters that it must not, or stands twice");
  }
}
