"use strict";
// A page that is none of the app's, and tries what such a page can try. It tells the dashboard what came of it.

const { api, dashboard, bridge } = document.documentElement.dataset;
const WAIT = 1500;
const attempts = [];

attack();

async function attack() {
  await attempt("page", "Reads what the other pages hold", readPages);
  await attempt("page", "Asks the other pages for their token", askPages);
  await attempt("app", "Knocks at the app’s door without a key", () => knock([]));
  await attempt("app", "Knocks with a stolen key", useStolenKey);
  await attempt("server", "Asks the server for new tokens", () => ask("/auth/refresh", "POST"));
  await attempt("server", "Reads ada’s data without a token", () => ask("/api/me", "GET"));
  tell(true);
  const won = attempts.filter((attempt) => !attempt.nothing);
  const got = document.getElementById("got");
  got.textContent = won.length ? "got something" : "got nothing";
  got.className = `pill ${won.length ? "ended" : "active"}`;
}

/** The dashboard draws them as they come. */
function tell(done) {
  parent.postMessage({ type: "tokencast-demo/tried", attempts, done }, dashboard);
}

/** What was tried ends with what it got: `{ got }` when that was nothing, `{ got, won: true }` otherwise. */
async function attempt(at, tries, how) {
  const item = document.getElementById("attempts").appendChild(document.createElement("li"));
  item.textContent = tries;
  const { got, won = false } = await how();
  attempts.push({ at, tries, got, nothing: !won });
  tell(false);
  const result = item.appendChild(document.createElement("b"));
  result.className = `status ${won ? "bad" : "good"}`;
  result.textContent = got;
}

function readPages() {
  try {
    const text = parent.frames[0].document.documentElement.outerHTML;
    return { got: `${text.length} letters`, won: true };
  } catch {
    return { got: "kept apart" };
  }
}

function askPages() {
  return new Promise((resolve) => {
    const answered = (event) => event.source !== parent && finish({ got: "an answer", won: true });
    const finish = (result) => {
      removeEventListener("message", answered);
      resolve(result);
    };
    addEventListener("message", answered);
    for (let index = 0; index < parent.frames.length; index++) {
      const frame = parent.frames[index];
      if (frame === window) continue;
      frame.postMessage({ type: "tokencast-demo/call", what: "me" }, "*");
      frame.postMessage(JSON.stringify({ v: 1, k: "need", id: "1", why: "401" }), "*");
    }
    setTimeout(() => finish({ got: "no answer" }), WAIT / 3);
  });
}

function knock(protocols) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${bridge}/bridge`, ["tokencast.1", ...protocols]);
    socket.onopen = () => resolve({ got: "it was let in", won: true });
    socket.onclose = () => resolve({ got: "refused" });
  });
}

/** The app's own client took the key out of this page's address, and tried it already. */
async function useStolenKey() {
  const session = tokencast.connect({ api: [api] });
  const end = performance.now() + WAIT;
  while (session.state === "connecting" && performance.now() < end) await new Promise((on) => setTimeout(on, 50));
  return session.generation || session.state === "active"
    ? { got: "it was let in", won: true }
    : { got: "refused, too" };
}

async function ask(path, method) {
  try {
    const body = method === "POST" ? new URLSearchParams({ grant_type: "refresh_token" }) : undefined;
    const answer = await fetch(`${api}${path}`, { method, body, credentials: "include" });
    return { got: `an answer, ${answer.status}`, won: answer.ok };
  } catch {
    return { got: "turned away" };
  }
}
