"use strict";
// A page of the app: it calls the API through the session and shows what came of it. It never shows a token.

const { api, dashboard } = document.documentElement.dataset;
const session = tokencast.connect({ api: [api] });
const $ = (id) => document.getElementById(id);
const NAME = document.title.split(" – ")[0];
const MAX_CALLS = 5;
const calls = [];
let count = 0;
let ending;
/** The generation that is shown: in slow motion a new one is on its way as long as the dashboard draws it. */
let shown;
let pace = 0;

session.onAccessToken(({ generation }) => {
  const arrives = () => {
    shown = generation;
    render();
  };
  if (shown) setTimeout(arrives, pace);
  else arrives();
});
session.onEnded(({ reason }) => {
  ending = reason;
  render();
});
// The client tells of tokens and ends; whether it is connected at all has to be looked at.
setInterval(render, 400);

for (const button of document.querySelectorAll("button[data-call]")) {
  button.addEventListener("click", () => call(button.dataset.call));
}

// The dashboard may ask for a call, and nobody else.
addEventListener("message", (event) => {
  if (event.source !== parent || event.origin !== dashboard) return;
  if (event.data?.type === "tokencast-demo/pace") pace = Math.min(Number(event.data.ms) || 0, 2000);
  if (event.data?.type !== "tokencast-demo/call") return;
  if (event.data.what === "look") look();
  else call(event.data.what);
});

// How often a call was sent, and with what status, is what the browser itself noted.
new PerformanceObserver((list) => {
  for (const { name, initiatorType, responseStatus } of list.getEntries()) {
    const call = initiatorType === "fetch" && calls.find((call) => call.url === name);
    if (call && responseStatus) call.statuses.push(responseStatus);
  }
  render();
}).observe({ type: "resource" });

async function call(what) {
  const note = what === "note";
  const number = ++count;
  const path = note ? "/api/notes" : "/api/me";
  const entry = {
    text: `${note ? "POST" : "GET"} ${path}`,
    // A name for the browser's own record of the call; the server does not read it. The same name in several pages
    // would make the browser ask for one after the other.
    url: `${api}${path}?call=${NAME}-${number}`,
    statuses: [],
    result: "asks the server …",
  };
  calls.unshift(entry);
  calls.splice(MAX_CALLS);
  render();
  const start = performance.now();
  try {
    const init = note && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text: `${document.title}: note ${number}` }),
    };
    const answer = await session.fetch(entry.url, init || undefined);
    const body = await answer.json();
    entry.status = answer.status;
    entry.result = answer.ok ? (note ? `note ${body.id}` : `hello ${body.name}`) : body.error;
  } catch (error) {
    entry.result = error.code === "ended" ? "the session ended meanwhile" : "no answer";
  }
  entry.ms = performance.now() - start;
  render();
}

/** What a hostile script in this page could do: read all that it can reach, and ask the server in the page's name. */
async function look() {
  const names = document.cookie.split("; ").map((pair) => pair.split("=")[0]);
  const found = names.filter(Boolean).map((name) => `the cookie ${name}`);
  for (const store of ["localStorage", "sessionStorage"]) {
    try {
      found.push(...Object.keys(window[store]).map((key) => `${key} in ${store}`));
    } catch {
      // Closed to this page altogether.
    }
  }
  try {
    const answer = await fetch(`${api}/auth/refresh`, { method: "POST", credentials: "include" });
    if (answer.ok) found.push("new tokens");
  } catch {
    // The browser keeps the answer to itself: the server allows no cookies from pages of other origins.
  }
  parent.postMessage({ type: "tokencast-demo/found", page: NAME, found }, dashboard);
}

function render() {
  const { state } = session;
  const generation = session.generation && (shown ?? session.generation);
  const texts = { plain: "no app", ended: "signed out", active: "no token yet" };
  if (ending && ending !== "signed_out" && !render.told) {
    render.told = true;
    $("call").textContent = `The app says why: ${ending.replace(/_/g, " ")}.`;
  }
  setText($("state"), texts[state] ?? state);
  $("state").className = `pill ${state}`;
  $("state").hidden = !!generation;
  $("generation").hidden = !generation;
  if (generation) {
    setText($("generation"), `no. ${generation.number}`);
    $("generation").title = `access token no. ${generation.number} of sign-in no. ${generation.epoch}`;
    $("generation").style.setProperty("--hue", hueOf(generation));
  }
  if (calls.length) renderCall(calls[0]);
}

/** The newest call: what it met, and what it got. */
function renderCall({ text, statuses, status, result, ms }) {
  // The browser's own record of a sending may come later than its answer.
  const seen = status && statuses.at(-1) !== status ? [...statuses, status] : statuses;
  const shown = JSON.stringify([text, seen, result]);
  if (renderCall.shown === shown) return;
  renderCall.shown = shown;
  const marks = seen.flatMap((status, at) => {
    const mark = document.createElement("span");
    mark.className = `status ${status < 400 ? "good" : "bad"}`;
    mark.textContent = status;
    return at > 0 ? [" → ", mark] : [mark];
  });
  const waits = seen.length === 1 && seen[0] === 401 && ms === undefined;
  const what = document.createElement("span");
  what.className = "soft";
  what.textContent = waits ? " waits" : marks.length > 1 ? "" : ` ${result}`;
  const more = document.createElement("span");
  more.className = "soft wide";
  more.textContent = waits ? " for the app" : marks.length > 1 ? ` ${result}` : "";
  $("call").replaceChildren(...marks, what, more);
  $("call").title = `${text}${ms === undefined ? "" : `, ${ms.toFixed(0)} ms`}`;
}

/** A colour for each generation, the same as in dashboard.js. */
function hueOf({ epoch, number }) {
  return [215, 280, 185, 320, 42][(epoch * 2 + number + 2) % 5];
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
