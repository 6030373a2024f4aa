// Takes the relay's channel before the client does, and speaks for itself.
addEventListener("tokencast-port", (event) => {
  const port = event.ports[0];
  if (!port || globalThis.wire) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const heard = [];
  const waiting = new Map();
  let last = 0;
  let answers = 0;
  port.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    answers++;
    if (heard.length < 1000) heard.push(message);
    const waits = waiting.get(message.id);
    waiting.delete(message.id);
    waits?.(message);
  };
  const post = (text) => port.postMessage(text);
  const ask = (message) =>
    new Promise((resolve) => {
      const id = "w" + ++last;
      waiting.set(id, resolve);
      post(JSON.stringify({ v: 1, id, ...message }));
    });
  const hello = () => ask({ k: "hello", min: 1, max: 1, doc: "by-hand", have: null, resume: false });
  globalThis.wire = { heard, post, ask, hello, answers: () => answers };
});
dispatchEvent(new Event("tokencast-open"));
