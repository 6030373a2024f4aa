/**
 * A channel to the app, one text a message. What carries it differs by platform; what it must do does not:
 *
 * - messages posted before the channel is open are kept and sent in order;
 * - `received` is called with a message of the app as it came, never through a promise or a page's event;
 * - `lost` is called at most once, when the channel is gone for good; nothing is received after it.
 */
export interface Port {
  post(text: string): void;
}

/** Opens the channel. Neither callback is called before this returns. */
export type OpenPort = (received: (text: string) => void, lost: () => void) => Port;
