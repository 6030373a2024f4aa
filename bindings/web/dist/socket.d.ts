/**
 * A WebSocket that signs in with the app's access token, and again with every newer one: by its first message
 * ({@link authenticate}), or by its subprotocol ({@link openSocket}) where the server judges before it accepts.
 *
 * @packageDocumentation
 */
import type { Session, Unsubscribe } from "./tokencast.js";
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
export declare function authenticate(socket: WebSocket, session: Session, options: SocketOptions): Unsubscribe;
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
export declare function openSocket(session: Session, url: string | URL, options: SubprotocolOptions): Unsubscribe;
