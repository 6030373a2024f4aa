/**
 * A WebSocket that signs in with the app's access token, and again with every newer one.
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
