// Draws a story: three lifelines, and an arrow for each request and answer. Tokens are labels; no value comes here.

const KINDS = {
  access: "access token",
  refresh: "refresh token",
  csrf: "CSRF value",
  key: "idempotency key",
};
/** The keys of stories, after those of the steps. */
const KEYS = ["9", "0", "p"];
let drawn = "";
let played;

/** Shows which server it is, and a button for each of its stories. */
export function renderScheme({ scheme, playing, busy, app }, prepare, ask) {
  const stories = document.getElementById("stories");
  if (!stories.childElementCount) {
    document.getElementById("scheme-name").textContent = scheme.name;
    document.getElementById("scheme-about").textContent = scheme.about;
    document.getElementById("renewals").textContent = scheme.renewals;
    document.title = `Tokencast demo: ${scheme.name}`;
    stories.append(...scheme.stories.map((story, index) => storyButton(story, KEYS[index], prepare, ask)));
  }
  for (const button of stories.children) {
    button.setAttribute("aria-disabled", String(!!playing || !!busy || !app.pid));
    button.classList.toggle("busy", playing === button.dataset.story);
  }
}

function storyButton({ name, title, about }, key, prepare, ask) {
  const button = element("button");
  button.type = "button";
  button.dataset.story = name;
  button.append(element("b", "", title), element("span", "", about));
  prepare(button, key, () => ask("story", { story: name }));
  return button;
}

/** Shows a story as far as it was played. */
export function renderStory(story) {
  const text = JSON.stringify(story);
  if (text === drawn) return;
  drawn = text;
  const section = document.getElementById("story");
  section.hidden = !story;
  if (!story) return;
  document.getElementById("story-title").textContent = story.title;
  const alone = story.other === "nobody else";
  section.classList.toggle("alone", alone);
  document.getElementById("cast-other").textContent = alone ? "" : story.other;
  // Only what is new is added, so that a screen reader or a selection is not disturbed.
  const list = document.getElementById("steps");
  const begun = !played || played.name !== story.name || played.steps > story.steps.length;
  if (begun) list.replaceChildren();
  for (const step of story.steps.slice(list.childElementCount)) list.append(drawStep(step, story, list.childElementCount + 1));
  played = { name: story.name, steps: story.steps.length };
  renderEnding(story);
  renderLegend(story);
}

function drawStep(step, story, number) {
  const item = element("li", step.wrong ? "wrong" : "");
  const title = item.appendChild(element("p", "title"));
  title.append(element("b", "", number), element("span", "", step.title));
  for (const arrow of step.arrows) item.append(drawArrow(arrow, story));
  for (const note of step.notes) item.append(element("p", "note", note));
  if (step.wrong) item.append(element("p", "note bad", step.wrong));
  return item;
}

function drawArrow({ from, to, text, labels, tone }, story) {
  const places = ["app", "server", "other"];
  const [start, end] = [places.indexOf(from), places.indexOf(to)];
  const lane = element("div", "lane");
  const arrow = lane.appendChild(element("div", `arrow ${tone} ${end > start ? "right" : "left"}`));
  arrow.style.gridColumn = `${Math.min(start, end) + 1} / ${Math.max(start, end) + 1}`;
  const names = { app: "the app", server: "the server", other: story.other };
  arrow.append(element("span", "unseen", `${names[from]} to ${names[to]}: `), element("code", "", text));
  for (const { kind, text } of labels) {
    const chip = element("span", `chip ${kind}`, text);
    if (KINDS[kind]) chip.title = KINDS[kind];
    arrow.append(" ", chip);
  }
  return lane;
}

function renderEnding({ ending }) {
  document.getElementById("ending").hidden = !ending;
  if (!ending) return;
  const { told, over, history, counted, moral, good } = ending;
  const verdict = document.getElementById("verdict");
  verdict.textContent = good ? "All as the story has it." : "Not as the story has it: see what is marked.";
  verdict.className = `told ${good ? "good" : "bad"}`;
  const said = document.getElementById("app-told");
  said.textContent = told;
  said.className = over ? "over" : "";
  document.getElementById("history").replaceChildren(...history.map((line) => element("li", "", line)));
  const rows = counted.map(({ words, number, expected }) => {
    const item = element("li", number === expected ? "" : "bad");
    const more = number === expected ? "" : ` (the story has ${expected})`;
    item.append(`${words} `, element("b", "", number), more);
    return item;
  });
  document.getElementById("counted").replaceChildren(...rows);
  document.getElementById("moral").textContent = moral;
}

function renderLegend({ steps }) {
  const labels = steps.flatMap((step) => step.arrows).flatMap((arrow) => arrow.labels);
  const used = new Set(labels.map((label) => label.kind));
  const parts = Object.entries(KINDS)
    .filter(([kind]) => used.has(kind))
    .map(([kind, words]) => {
      const part = element("span", "part");
      part.append(element("span", `chip ${kind}`, kind[0].toUpperCase()), ` ${words}`);
      return part;
    });
  document.getElementById("legend").replaceChildren(...parts);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
