"use strict";
// Shows the scene that the launcher tells, and passes calls on to the pages. All text goes in as text, never as HTML.

const $ = (id) => document.getElementById(id);
const frames = new Map();
let scene;
let opened = 0;
let receivedAt = 0;
let lifetime = 0;

const source = new EventSource("events");
source.onopen = () => ($("lost").hidden = true);
source.onerror = () => ($("lost").hidden = false);
source.onmessage = (event) => {
  scene = JSON.parse(event.data);
  receivedAt = performance.now();
  render();
};
source.addEventListener("call", (event) => {
  const what = JSON.parse(event.data);
  for (const [origin, { frame }] of frames) {
    frame.contentWindow.postMessage({ type: "tokencast-demo/call", what }, origin);
  }
});

// What a script in a page found; only of the pages in these frames.
addEventListener("message", ({ source, origin, data }) => {
  const frame = frames.get(origin)?.frame;
  if (frame && source === frame.contentWindow && data?.type === "tokencast-demo/found") {
    post("found", { page: String(data.page), found: data.found.map(String) });
  }
});

for (const button of document.querySelectorAll("button[data-step]")) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") perform(button.dataset.step);
  });
}
setInterval(renderLife, 250);

async function perform(step) {
  await ask("step", { step });
}

async function ask(path, what) {
  try {
    const answer = await post(path, what);
    if (!answer.ok) tell((await answer.json()).error, "bad");
  } catch {
    $("lost").hidden = false;
  }
}

function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}

function render() {
  const { app, server, busy, playing, told, opening, events, scheme } = scene;
  const active = app.state === "active";
  const generation = active ? app.generation : undefined;

  renderGeneration($("generation"), generation);
  $("dots").hidden = !(active && app.left_ms !== null);
  $("state").textContent = stateText(app);
  $("process").textContent = app.pid ? `${app.pid}${app.runs > 1 ? `, started ${app.runs} times` : ""}` : "not running";
  $("storage").textContent = app.storage ?? "–";
  $("count-exchanges").textContent = server.exchanges;
  $("count-rejected").textContent = server.api_rejected;
  $("count-ok").textContent = server.api_ok;
  $("count-notes").textContent = server.notes;
  renderLife();

  for (const button of document.querySelectorAll("button[data-step]")) {
    const step = button.dataset.step;
    const running = step === "sign_in" ? !active : active || step === "call_api" || step === "kill";
    const possible = app.pid ? running : step === "kill";
    if (step === "kill_mid_refresh") button.hidden = !scheme.repeats;
    if (step === "kill") button.classList.toggle("wide", !scheme.repeats);
    // Not `disabled`: that would take the keyboard's focus away in the middle of a step.
    button.setAttribute("aria-disabled", String(!!busy || !!playing || !possible));
    button.classList.toggle("busy", busy === step);
  }
  // The demo's own first sign-in needs no words.
  if (told && (told.step !== "sign_in" || !told.good || opening > 1)) tell(told.text, told.good ? "good" : "bad");

  for (const [origin, { figure, badge }] of frames) {
    // What the app knows of the page; the page itself shows what it has.
    const page = app.pid && scene.pages.find((page) => page.origin === origin);
    renderGeneration(badge, page?.generation ?? undefined);
    setHue(figure, page?.generation);
    figure.classList.toggle("none", !page?.generation);
  }
  renderEvents(events);
  renderScheme(scene);
  renderStory(scene.story, playing);
  if (opening !== opened && app.pid) {
    opened = opening;
    openPages();
  }
}

function renderLife() {
  if (!scene) return;
  const { app } = scene;
  const has = app.state === "active" && app.left_ms !== null;
  const left = has ? Math.max(0, app.left_ms - (performance.now() - receivedAt)) : 0;
  lifetime = Math.max(lifetime, left);
  const seconds = Math.ceil(left / 1000);
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  let text = "none";
  if (has) text = left > 0 ? `${clock} left` : "expired: APIs reject it";
  else if (app.state === "active") text = "none yet: fetched when a page needs it";
  $("left").textContent = text;
  $("left").classList.toggle("expired", has && left === 0);
  $("life").setAttribute("aria-label", text);
  $("life-bar").style.width = lifetime ? `${(left / lifetime) * 100}%` : "0";
  setHue($("life"), app.generation);
}

function renderEvents(events) {
  const list = $("events");
  const items = [...events].reverse().map(({ ms, who, text }) => {
    const item = document.createElement("li");
    const time = item.appendChild(document.createElement("time"));
    time.textContent = `${(ms / 1000).toFixed(1)} s`;
    const name = item.appendChild(document.createElement("span"));
    name.className = `who ${who}`;
    name.textContent = who;
    item.appendChild(document.createElement("span")).textContent = text;
    return item;
  });
  list.replaceChildren(...items);
}

/** Loads each page anew, with an address that lets it in once. */
async function openPages() {
  let pages;
  try {
    const answer = await post("open", {});
    if (!answer.ok) return;
    pages = await answer.json();
  } catch {
    return; // the event stream tells that the demo is gone
  }
  frames.clear();
  const strip = document.createDocumentFragment();
  const figures = pages.map(({ name, origin, address }) => {
    const figure = document.createElement("figure");
    const caption = figure.appendChild(document.createElement("figcaption"));
    caption.appendChild(document.createElement("b")).textContent = name;
    caption.appendChild(document.createElement("code")).textContent = origin.replace("http://", "");
    const item = strip.appendChild(document.createElement("li"));
    item.append(name);
    const badge = item.appendChild(document.createElement("span"));
    badge.className = "gen none";
    const frame = figure.appendChild(document.createElement("iframe"));
    frame.title = `the page ${name}`;
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
    frame.referrerPolicy = "no-referrer";
    frame.src = address;
    frames.set(origin, { figure, badge, frame });
    return figure;
  });
  $("frames").replaceChildren(...figures);
  $("strip").replaceChildren(strip);
  if (scene) render();
}

function renderGeneration(badge, generation) {
  badge.textContent = generation ? `${generation.epoch}.${generation.number}` : "–";
  badge.classList.toggle("none", !generation);
  setHue(badge, generation);
}

/** A colour for each generation, the same as in page.js. No red and no green: they mean something else here. */
function hueOf({ epoch, number }) {
  return [215, 280, 185, 320, 42][(epoch * 2 + number + 2) % 5];
}

function setHue(element, generation) {
  if (generation) element.style.setProperty("--hue", hueOf(generation));
}

function stateText({ state, reason, account, pid }) {
  if (!pid) return "–";
  const names = {
    restoring: "being restored",
    locked: "the storage is locked",
    signed_out: "nobody is signed in",
    active: `signed in as ${account ?? "somebody"}`,
    sign_in_required: "over",
  };
  return (names[state] ?? state) + (reason ? ` (${reason})` : "");
}

function tell(text, how) {
  const told = $("told");
  if (told.textContent !== text) told.textContent = text;
  told.className = `told ${how}`;
}
