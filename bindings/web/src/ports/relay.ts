import { apply, listen, listenForText, messagePorts, postMessage, self, startPort } from "../natives.js";
import type { OpenPort } from "../port.js";

/**
 * Finds the relay of a webview: a script of the app in a world of its own, which hands one end of a channel to the
 * first who asks. At document start that is this script, before any of the page's; the event is shown to nobody else.
 *
 * Which of the two runs first is not known, so the port is looked for when it is needed.
 */
export function awaitRelay(): () => OpenPort | undefined {
  let port: MessagePort | undefined;
  // Not every place where this module is loaded has a window.
  if (!self.dispatchEvent) return () => undefined;
  listen(self, "tokencast-port", (event) => {
    if (port) return;
    port = apply(messagePorts, event as MessageEvent, [])?.[0];
    if (!port) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  self.dispatchEvent(new Event("tokencast-open"));
  return () => port && openRelay(port);
}

function openRelay(port: MessagePort): OpenPort {
  return (received) => {
    listenForText(port, received);
    apply(startPort, port, []);
    // A channel within the document ends with it.
    return { post: (text) => apply(postMessage, port, [text]) };
  };
}
