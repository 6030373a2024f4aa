// Draws beats: what rides along which way between the three places. It asks the document where they are, so that the
// drawing fits a wide screen and a phone.

const SVG = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Drawing {
  #svg;
  #scene;
  #frames;
  #layer;
  #ground;
  #pages = [];
  #laid = "";

  /** `frames` finds a page's element by its origin. */
  constructor(scene, svg, frames) {
    this.#scene = scene;
    this.#svg = svg;
    this.#frames = frames;
    this.#ground = svg.appendChild(made("g", { class: "ground" }));
    this.#layer = svg.appendChild(made("g"));
    new ResizeObserver(() => {
      this.clear();
      this.roads(this.#pages);
    }).observe(scene);
  }

  /** Whether the places stand below each other, as on a phone. */
  get narrow() {
    return getComputedStyle(this.#scene).getPropertyValue("--narrow").trim() === "1";
  }

  /** The ways that there are, for these pages. */
  roads(pages) {
    this.#pages = pages;
    const ways = [{ from: "app", to: "server" }];
    for (const page of pages) ways.push({ from: "server", to: "page", page }, { from: "app", to: "page", page });
    ways.push({ from: "server", to: "other" });
    const drawn = ways.map((way) => this.#way(way)).filter(Boolean);
    if (this.#laid === drawn.join()) return;
    this.#laid = drawn.join();
    this.#ground.replaceChildren(...drawn.map((d) => made("path", { d })));
  }

  /** Draws one thing on its way; resolves when it has arrived. What arrived stays until `clear`. */
  async draw(moment, { text, generation, key, lost }, tone, ms) {
    const way = this.#way(moment);
    if (!way) return;
    // Ways lie below everything that rides.
    const path = made("path", { d: way, class: `way ${tone}` });
    this.#layer.prepend(path);
    const rider = this.#layer.appendChild(made("g", { class: `rider ${tone}` }));
    if (generation) rider.style.setProperty("--hue", hueOf(generation));
    rider.classList.toggle("pass", !!generation);
    const size = label(rider, text, key);
    const length = path.getTotalLength();
    // It leaves from one edge and stops at the other: it covers nobody.
    const room = Math.min(size, length - 10) / 2 + 3;
    const put = (part) => {
      const far = room + (length - 2 * room) * part;
      rider.setAttribute("transform", place(path, far));
      path.style.strokeDasharray = `${part < 1 ? far : length} ${length}`;
    };
    const end = lost ? 0.55 : 1;
    if (calm.matches || ms <= 0) {
      put(end);
      rider.setAttribute("transform", place(path, length * end * 0.5));
      await rest(ms);
    } else {
      await glide(ms, (part) => put(ease(part) * end));
    }
    path.classList.add("there");
    rider.classList.add("there");
    if (lost) rider.classList.add("lost");
  }

  /** Everything goes. */
  clear() {
    const old = this.#layer;
    this.#layer = this.#svg.appendChild(made("g"));
    old.classList.add("gone");
    setTimeout(() => old.remove(), 400);
  }

  /** The way from one place to another, as an SVG path. */
  #way({ from, to, page }) {
    const box = this.#scene.getBoundingClientRect();
    const rect = (element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return { left: left - box.left, right: right - box.left, top: top - box.top, bottom: bottom - box.top };
    };
    const element = (spot) => (spot === "page" ? this.#frames(page) : this.#scene.querySelector(`#${spot}`));
    const ends = [element(from), element(to)];
    if (ends.some((end) => !end?.getClientRects().length)) return undefined;
    const [a, b] = ends.map(rect);
    const spots = { [from]: a, [to]: b };
    const [app, server] = ["#app", "#server"].map((place) => rect(this.#scene.querySelector(place)));
    const points = between(from, to, { app, server, ...spots }, this.narrow);
    return points && curve(points);
  }
}

/** The points of a way: two ends, and the corners on its way. */
function between(from, to, at, narrow) {
  const has = (one, other) => (from === one && to === other) || (from === other && to === one);
  const forward = (points, first) => (from === first ? points : points.reverse());
  if (has("page", "page")) return undefined;
  if (has("app", "server")) {
    if (narrow) {
      const x = (at.app.left + at.app.right) / 2;
      return forward([[x, at.app.top], [x, at.server.bottom]], "app");
    }
    const y = (at.server.top + at.server.bottom) / 2;
    return forward([[at.app.right, y], [at.server.left, y]], "app");
  }
  if (has("page", "server")) {
    const y = (at.page.top + at.page.bottom) / 2;
    if (narrow) {
      const x = at.page.left - 14;
      return forward([[at.page.left, y], [x, y], [x, at.server.bottom]], "page");
    }
    return forward([[at.page.left, y], [at.server.right, (at.server.top + at.server.bottom) / 2]], "page");
  }
  if (has("app", "page")) {
    const y = (at.page.top + at.page.bottom) / 2;
    if (narrow) {
      const x = at.app.right + 14;
      const port = Math.min(at.app.bottom - 40, at.app.top + 150);
      return forward([[at.app.right, port], [x, port], [x, y], [at.page.left, y]], "app");
    }
    const port = Math.max(at.server.bottom + 44, at.app.top + (at.app.bottom - at.app.top) * 0.72);
    return forward([[at.app.right, port], [at.server.right - 30, port], [at.page.left, y]], "app");
  }
  if (has("other", "server")) {
    // On a phone through the gap between the app and the pages.
    const x = narrow ? at.app.right + 22 : (at.server.left + at.server.right) / 2;
    return forward([[x, at.other.top], [x, at.server.bottom]], "other");
  }
  if (has("app", "other")) {
    if (narrow) return forward([[at.app.left + 40, at.app.bottom], [at.app.left + 40, at.other.top]], "app");
    const y = (at.other.top + at.other.bottom) / 2;
    return forward([[at.app.right, y], [at.other.left, y]], "app");
  }
  return undefined;
}

/** A soft line through the points: straight where they are in a row, and an S where they are not. */
function curve(points) {
  let text = `M${points[0].join(" ")}`;
  for (const [index, [x, y]] of points.entries()) {
    if (index === 0) continue;
    const [fromX, fromY] = points[index - 1];
    if (fromX === x || fromY === y) text += `L${x} ${y}`;
    else text += `C${(fromX + x) / 2} ${fromY} ${(fromX + x) / 2} ${y} ${x} ${y}`;
  }
  return text;
}

function label(rider, text, key) {
  const words = made("text", { y: 4.5 });
  words.textContent = text;
  rider.append(words);
  const width = words.getComputedTextLength() + (key ? 40 : 20);
  if (key) words.setAttribute("x", 10);
  rider.prepend(made("rect", { x: -width / 2, y: -13, width, height: 26, rx: 13 }));
  if (key) {
    const x = -width / 2 + 9;
    rider.append(made("path", { class: "key", d: `M${x + 7} 0h9m-3 0v3.5M${x + 7} 0a3.6 3.6 0 1 1-7.2 0a3.6 3.6 0 1 1 7.2 0` }));
  }
  return width;
}

function place(path, length) {
  const { x, y } = path.getPointAtLength(length);
  return `translate(${x} ${y})`;
}

function glide(ms, put) {
  return new Promise((resolve) => {
    const start = performance.now();
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - start) / ms));
      put(part);
      if (part < 1) requestAnimationFrame(step);
      else resolve();
    };
    put(0);
    requestAnimationFrame(step);
    // A hidden window draws no frames.
    setTimeout(() => document.hidden && resolve(), ms + 50);
  });
}

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ease = (part) => (part < 0.5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2);

/** A colour for each generation, the same as in page.js. No red and no green: they mean something else here. */
export function hueOf({ epoch, number }) {
  return [215, 280, 185, 320, 42][(epoch * 2 + number + 2) % 5];
}

function made(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
