// A page's way to the app: runs in the page's own world at document start, before any of its scripts, and takes the object
// that WebView put there for this origin. It carries texts between the app and the page's client, which gets one end of a
// channel. What the page's scripts patch later is not called here. (`bindings/web/relay` is its like for a world of its own,
// where it has to state the origin itself and answers come by a promise: little of one would serve the other.)
(app) => {
  "use strict";
  // A frame asks through nobody; another engine has no such object.
  if (!app || self.parent !== self) return;
  delete globalThis.tokencastApp;
  const { port1: ours, port2: theirs } = new MessageChannel();
  const toPage = ours.postMessage.bind(ours);
  const toApp = app.postMessage.bind(app);
  const apply = Reflect.apply;
  const read = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "data").get;

  ours.onmessage = (event) => {
    const text = apply(read, event, []);
    if (typeof text === "string") toApp(text);
  };
  // WebView's event is a plain object, with `data` of its own.
  app.onmessage = ({ data: text }) => {
    if (typeof text === "string") toPage(text);
  };

  // The client comes after this script, and asks. The first taker has the channel.
  const offer = () => {
    const event = new MessageEvent("tokencast-port", { cancelable: true, ports: [theirs] });
    if (!self.dispatchEvent(event)) self.removeEventListener("tokencast-open", offer);
  };
  self.addEventListener("tokencast-open", offer);
}
