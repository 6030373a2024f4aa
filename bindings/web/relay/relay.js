// A page's way to the app: a script in a world of its own, which the page's scripts cannot reach. It states the
// document's origin as the engine has it, and carries texts between the app and the page's client, which gets one end
// of a channel before any script of the page runs. `send` hands a text to the app; what it promises is the answer.
(send) => {
  "use strict";
  const { port1: ours, port2: theirs } = new MessageChannel();
  const doc = crypto.getRandomValues(new Uint32Array(4)).join("-");

  const deliver = (text) => {
    if (typeof text === "string") ours.postMessage(text);
  };
  ours.onmessage = ({ data: text }) => {
    if (typeof text === "string") send(JSON.stringify({ origin: self.origin, doc, text })).then(deliver, () => {});
  };
  // Whose document this is, and whether it is shown, as the engine has it. Told once a change: the page can make up such
  // events, not the state.
  let told;
  const tell = () => {
    const visible = document.visibilityState === "visible";
    if (visible !== told) send(JSON.stringify({ origin: self.origin, visible })).catch(() => {});
    told = visible;
  };
  document.addEventListener("visibilitychange", tell);
  tell();
  // For what the app says without being asked; a global of this world alone.
  Object.defineProperty(globalThis, "tokencastDeliver", { value: deliver });

  // Which script runs first is not known: the client may listen already, or ask later. The first taker has it.
  const offer = () => {
    const event = new MessageEvent("tokencast-port", { cancelable: true, ports: [theirs] });
    if (!self.dispatchEvent(event)) self.removeEventListener("tokencast-open", offer);
  };
  self.addEventListener("tokencast-open", offer);
  offer();
}
