// Shows the scene that the launcher tells. All text goes in as text, never as HTML.
//
// What stands in boxes follows the scene at once; what is on its way is played beat by beat, at a pace that people can
// follow. In slow motion the launcher slows the wire itself down, so that both agree.

import { Beats } from "./beats.js";
import { Drawing, hueOf } from "./drawing.js";
import { PageFrames, RENDERED, post } from "./pages.js";
import { renderScheme, renderStory } from "./story.js";
import { actorOf, rider, sentence, toneOf, why } from "./words.js";

const $ = (id) => document.getElementById(id);
/** How long a beat is drawn; as long as the launcher's wire takes. */
const SLOW = 620;
const FAST = 130;
/** Who comes so soon after the first is drawn with it. */
const TOGETHER = 540;
const MAX_LINES = 60;

const pages = new PageFrames($("frames"));
const drawing = new Drawing($("scene"), $("roads"), (origin) => pages.elementOf(origin));
const beats = new Beats();
const look = {
  nameOf: (origin) => pages.nameOf(origin),
  isHostile: (origin) => pages.isHostile(origin),
  get count() {
    return pages.count;
  },
  get other() {
    return scene?.story?.other ?? "somebody";
  },
};

let scene;
let receivedAt = 0;
let lifetime = 0;
/** The number of what was taken last, and how often pages were opened. */
let taken;
let opened = {};
/** The beat that is drawn now. */
let current;
let running = false;
/** How many steps were over when an outcome was shown, and which button was pressed last. */
let shown;
let asked;

pages.onLoad = (origin) => beats.forget(origin);

const source = new EventSource("events");
source.onopen = () => {
  $("lost").hidden = true;
  setPace();
};
source.onerror = () => ($("lost").hidden = false);
source.onmessage = (event) => {
  scene = JSON.parse(event.data);
  receivedAt = performance.now();
  render();
};
source.addEventListener("call", (event) => pages.call(JSON.parse(event.data)));

for (const button of document.querySelectorAll("button[data-step]")) {
  const keys = { expire: "1", call_api: "2", add_notes: "3", another_page: "4", rendered_page: "5", kill: "6", kill_mid_refresh: "7", hostile_page: "8", sign_out: "s", sign_in: "s" };
  prepare(button, keys[button.dataset.step], () => ask("step", { step: button.dataset.step }));
}
$("slow").addEventListener("change", setPace);
$("keys").addEventListener("change", () => document.body.classList.toggle("keyless", !$("keys").checked));
for (const id of ["about-toggle", "about-close"]) $(id).addEventListener("click", () => showAbout($("about").hidden));
if (remembered()) showAbout(false);
addEventListener("keydown", onKey);
setInterval(renderLife, 250);

function onKey(event) {
  const typing = event.target.closest?.("input[type=text], textarea");
  if (!$("keys").checked || event.ctrlKey || event.altKey || event.metaKey || typing || event.repeat) return;
  if (event.key === "?") return showAbout($("about").hidden);
  const button = [...document.querySelectorAll("button[data-key]")].find(
    (button) => button.dataset.key === event.key.toLowerCase() && !button.hidden,
  );
  if (button) {
    event.preventDefault();
    button.focus();
    button.click();
  }
}

/** A button that does something: its key, and what it does when it can. */
function prepare(button, key, act) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    asked = button.querySelector("b").textContent;
    reveal($("stage"));
    act();
  });
  if (!key) return;
  button.dataset.key = key;
  button.setAttribute("aria-keyshortcuts", key.toUpperCase());
  const shown = button.appendChild(document.createElement("kbd"));
  shown.textContent = key.toUpperCase();
  shown.setAttribute("aria-hidden", "true");
}

async function ask(path, what) {
  try {
    const answer = await post(path, what);
    if (!answer.ok) tell({ text: (await answer.json()).error, good: false });
  } catch {
    $("lost").hidden = false;
  }
}

function setPace() {
  pages.pace = $("slow").checked ? SLOW : FAST;
  post("pace", { slow: $("slow").checked }).catch(() => ($("lost").hidden = false));
}

function showAbout(shown) {
  $("about").hidden = !shown;
  $("about-toggle").setAttribute("aria-expanded", String(shown));
  if (!shown && document.activeElement === document.body) $("stage").querySelector("button").focus({ preventScroll: true });
  try {
    sessionStorage.setItem("about", shown ? "shown" : "read");
  } catch {
    // Then it is shown at every loading.
  }
}

function remembered() {
  try {
    return sessionStorage.getItem("about") === "read";
  } catch {
    return false;
  }
}

function render() {
  const { app, server, busy, playing, story, scheme } = scene;
  const active = app.state === "active";

  renderGeneration($("generation"), active ? app.generation : undefined);
  setText($("state"), stateText(app));
  setText($("process"), app.pid ? `process ${app.pid}${app.runs > 1 ? `, started ${app.runs} times` : ""}` : "not running");
  // Why it is kept there stands in the terminal.
  setText($("storage"), app.storage ? `kept in ${app.storage.split(" (")[0]}` : "–");
  $("storage").title = app.storage ?? "";
  $("app").classList.toggle("off", !app.pid);
  $("safe").classList.toggle("empty", !active);
  setText($("keeps"), active ? scheme.keeps : "nothing: nobody is signed in");
  setText($("count-exchanges"), server.exchanges);
  setText($("count-rejected"), server.api_rejected);
  setText($("count-ok"), server.api_ok);
  setText($("count-notes"), server.notes);
  renderLife();
  renderButtons();
  renderOther(playing && story);
  renderScheme(scene, prepare, ask);
  renderStory(story);
  renderEvents(scene.events);
  pages.showRendered(busy === "rendered_page", scene.rendered);
  takeNews();
  openWhatIsAsked();
  for (const { origin, figure, hostile } of pages.figures()) {
    if (hostile || origin === RENDERED) continue;
    // What the app knows of the page; the page itself shows what it has.
    const page = app.pid && scene.pages.find((page) => page.origin === origin);
    setHue(figure, page?.generation);
    figure.classList.toggle("none", !page?.generation);
  }
  drawing.roads(pages.figures().map(({ origin }) => origin));
  if (busy || playing) showProgress();
  else showOutcome();
}

function renderButtons() {
  const { app, busy, playing, scheme } = scene;
  const active = app.state === "active";
  for (const button of document.querySelectorAll("button[data-step]")) {
    const step = button.dataset.step;
    const running = step === "sign_in" ? !active : active || step === "call_api" || step === "kill";
    const possible = app.pid ? running : step === "kill";
    if (step === "kill_mid_refresh") button.hidden = !scheme.repeats;
    // One of the two, in the same place.
    if (step === "sign_in") button.hidden = active;
    if (step === "sign_out") button.hidden = !active;
    // Not `disabled`: that would take the keyboard's focus away in the middle of a step.
    button.setAttribute("aria-disabled", String(!!busy || !!playing || !possible));
    button.classList.toggle("busy", busy === step);
  }
}

function renderOther(story) {
  const shown = !!story && story.other !== "nobody else";
  if (shown) setText($("other-title"), story.other.charAt(0).toUpperCase() + story.other.slice(1));
  $("other").hidden = !shown;
  $("scene").classList.toggle("with-other", shown);
}

/** Takes what is new in the scene, in its order, and has it played. */
function takeNews() {
  const words = ({ who, text }) => who !== "server" && !(who === "app" && text.startsWith("new access token"));
  const news = [...scene.wire, ...scene.events].filter(({ n }) => taken === undefined || n > taken).sort((a, b) => a.n - b.n);
  const first = taken === undefined;
  taken = Math.max(taken ?? 0, ...news.map(({ n }) => n));
  // What was before this window was opened is not played.
  if (first) return;
  for (const one of news) {
    if (!one.what) {
      if (words(one)) beats.addWords(one);
      continue;
    }
    const soon = current && performance.now() - current.startedAt < TOGETHER;
    for (const joined of beats.add(one, soon ? current : undefined)) {
      current.draws.push(draw(current, joined));
      narrate(current);
    }
  }
  play();
}

async function play() {
  if (running) return;
  running = true;
  for (let beat = beats.next(); beat; beat = beats.next()) {
    beat.startedAt = performance.now();
    beat.draws = [];
    beat.line = addLine(beat);
    if (beat.kind === "words") {
      if (beat.event.who === "you") drawing.clear();
    } else {
      current = beat;
      drawing.clear();
      beat.draws.push(...beat.moments.map((moment) => draw(beat, moment)));
    }
    narrate(beat);
    // Others may join meanwhile.
    let drawn = 0;
    while (drawn < beat.draws.length) {
      drawn = beat.draws.length;
      await Promise.all(beat.draws);
    }
  }
  current = undefined;
  running = false;
  if (scene.busy || scene.playing) return;
  showOutcome();
}

function draw(beat, moment) {
  const narrow = drawing.narrow;
  const ms = !$("slow").checked ? FAST : beats.waiting > 5 ? SLOW / 2 : SLOW;
  return drawing.draw(moment, rider(moment, beat.kind, narrow), toneOf(beat), ms).then(() => {
    if (beat.kind === "state") flash(pages.elementOf(moment.page));
  });
}

/** A page that got something is lit for a moment, slowly. */
function flash(figure) {
  figure?.animate?.([{ boxShadow: "0 0 0 6px hsl(var(--hue) 70% 60% / .45)" }, { boxShadow: "0 0 0 6px transparent" }], 900);
}

function narrate(beat) {
  const text = sentence(beat, look);
  setText(beat.line, text);
  setText($("now"), text);
}

function addLine(beat) {
  $("nothing-yet").hidden = true;
  const item = document.createElement("li");
  const actor = actorOf(beat);
  const who = item.appendChild(document.createElement("span"));
  who.className = `who ${actor}`;
  who.textContent = { you: "you", app: "app", server: "server", page: "page", other: "other" }[actor];
  const line = item.appendChild(document.createElement("span"));
  const list = $("beats");
  list.prepend(item);
  while (list.childElementCount > MAX_LINES) list.lastElementChild.remove();
  return line;
}

function showProgress() {
  $("told").className = "told";
  setText($("told"), asked ? `${asked} …` : "…");
  setText($("why"), "");
}

/** What came of the last button, once everything before it was drawn. */
function showOutcome() {
  if (running || beats.waiting || !scene) return;
  const { told, story, opening, performed } = scene;
  if (shown === performed) return;
  shown = performed;
  // The demo's own first sign-in needs no words.
  if (told && (told.step !== "sign_in" || !told.good || opening > 1)) {
    tell(told);
    setText($("why"), told.good ? why(told.step) : "");
  } else if (!told && story?.ending) {
    const { good, told, over, moral } = story.ending;
    const end = over ? `The app was told: ${told}` : "Ada is still signed in, and noticed nothing.";
    tell({ text: good ? end : "Not as the story has it: see what is marked below.", good });
    setText($("why"), moral);
  }
}

function tell({ text, good }) {
  setText($("told"), text);
  $("told").className = `told ${good ? "good" : "bad"}`;
  // For whoever waits for it, a test for instance.
  $("outcome").dataset.performed = scene?.performed ?? 0;
}

/** Opens pages when the launcher wants them opened; those of before this window was opened all at once. */
async function openWhatIsAsked() {
  const { app, opening, another, hostile } = scene;
  if (!app.pid) return;
  const before = opened;
  const first = before.opening === undefined;
  opened = { opening, another, hostile };
  if (before.opening !== opening) await pages.open("all");
  else if (before.another !== another) await pages.open("another");
  if (!first && before.hostile !== hostile) await pages.open("hostile");
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
  if (has) text = left > 0 ? `good for ${clock}` : "too old: the server rejects it";
  else if (app.state === "active") text = "none yet: fetched when a page needs it";
  setText($("left"), text);
  $("left").classList.toggle("expired", has && left === 0);
  $("life").setAttribute("aria-label", text);
  $("life-bar").style.width = lifetime ? `${(left / lifetime) * 100}%` : "0";
  setHue($("life"), app.generation);
}

function renderEvents(events) {
  if (!$("events").closest("details").open) return;
  const items = [...events].reverse().map(({ ms, who, text }) => {
    const item = document.createElement("li");
    item.append(...[`${(ms / 1000).toFixed(1)} s`, who, text].map((text) => Object.assign(document.createElement("span"), { textContent: text })));
    return item;
  });
  $("events").replaceChildren(...items);
}
$("events").closest("details").addEventListener("toggle", () => scene && renderEvents(scene.events));

function renderGeneration(badge, generation) {
  setText(badge, generation ? `no. ${generation.number}` : "none");
  badge.classList.toggle("none", !generation);
  setHue(badge, generation);
}

function setHue(element, generation) {
  if (generation) element.style.setProperty("--hue", hueOf(generation));
}

function stateText({ state, reason, account, pid }) {
  if (!pid) return "not running";
  const names = {
    restoring: "reads its safe",
    locked: "cannot read its safe now",
    signed_out: "nobody is signed in",
    active: `${account ?? "somebody"} is signed in`,
    sign_in_required: "the session is over",
  };
  return (names[state] ?? state) + (reason ? `: ${reason}` : "");
}

/** Scrolls there when its top or its drawing is out of sight. */
function reveal(element) {
  const { top } = element.getBoundingClientRect();
  if (top >= 0 && top < innerHeight / 3) return;
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  element.scrollIntoView({ block: "start", behavior });
}

function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}
