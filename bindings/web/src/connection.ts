/** The document's one connection to its app, made when it is first needed. */

import { createCore, type Core } from "./core.js";
import { isOpaque } from "./natives.js";
import { takeDevHost } from "./ports/devhost.js";
import { awaitRelay } from "./ports/relay.js";

// At evaluation: no later script may see the key in the fragment, or take the port.
const devHost = takeDevHost();
const relay = awaitRelay();
let core: Core | undefined;

export function connection(): Core {
  // A sandboxed document has its URL in common with the app's pages, and nothing else.
  return (core ??= createCore(isOpaque ? undefined : (relay() ?? devHost)));
}

/** The connection, if anything has needed it yet. */
export const started = () => core;

/**
 * The door of a guarded push: the app's script hands over one message here. Where the app can do nothing but push there
 * is no port, and the first message makes this an app's page.
 */
export function receive(text: string): void {
  if (!isOpaque) connection().receive(text);
}
