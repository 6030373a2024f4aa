import { isLoopback } from "../origins.js";
import { URL, WebSocket, apply, isOpaque, listen, listenForText, parse, self, socketSend } from "../natives.js";
import type { OpenPort } from "../port.js";

const FRAGMENT = "#tokencast-dev=";

/**
 * Finds the development host: a WebSocket on loopback whose address and one-time key stand in the URL's fragment. The
 * fragment is removed whether it is good or not, so that the key does not stay in the address bar or the history.
 *
 * Only for a page that itself came from loopback: a link must not be able to tie a deployed page to someone's socket.
 */
export function takeDevHost(): OpenPort | undefined {
  const { location, history } = self;
  if (!location?.hash?.startsWith(FRAGMENT) || isOpaque) return undefined;
  const text = location.hash.slice(FRAGMENT.length);
  history.replaceState(history.state, "", location.pathname + location.search);
  const host = isLoopback(location.hostname) && parseDevHost(text);
  return host ? openSocket(host) : undefined;
}

interface DevHost {
  readonly url: string;
  readonly key: string;
}

function parseDevHost(text: string): DevHost | undefined {
  try {
    const { url, key } = parse(decodeURIComponent(text));
    const { protocol, hostname, href } = new URL(url);
    // A key with other characters would make the WebSocket constructor throw an error that quotes it.
    const fits = protocol === "ws:" && isLoopback(hostname) && typeof key === "string" && /^[\w.~-]{1,256}$/.test(key);
    return fits ? { url: href, key } : undefined;
  } catch {
    return undefined;
  }
}

function openSocket({ url, key }: DevHost): OpenPort {
  return (received, lost) => {
    const socket = new WebSocket(url, ["tokencast.1", "key." + key]);
    const early: string[] = [];

    const send = (text: string) => apply(socketSend, socket, [text]);
    listen(socket, "open", () => early.splice(0).forEach(send));
    listenForText(socket, received);
    // An `error` is always followed by a `close`, and a socket closes once.
    listen(socket, "close", lost);

    return { post: (text) => (socket.readyState === WebSocket.CONNECTING ? early.push(text) : send(text)) };
  };
}
