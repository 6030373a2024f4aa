// The pages' frames: opens them with addresses that let each in once, passes calls on to them, and hears what they found.

/** Talks to the launcher. */
export function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Stands for the origin of the page that the server renders. */
export const RENDERED = "rendered";

export class PageFrames {
  #container;
  #frames = new Map();
  #pace = 0;
  /** Pages that are loaded anew know nothing: told to whoever asked. */
  onLoad = () => {};

  constructor(container) {
    this.#container = container;
    addEventListener("message", (event) => this.#hear(event));
  }

  /** Opens pages: `all`, `another` or the `hostile` one. */
  async open(which) {
    let pages;
    try {
      const answer = await post("open", { which });
      if (!answer.ok) return;
      pages = await answer.json();
    } catch {
      return; // the event stream tells that the demo is gone
    }
    if (which === "all") {
      this.#frames.clear();
      this.#container.replaceChildren();
    }
    for (const page of pages) this.#show(page, which === "hostile");
  }

  /** Has every page of the app make a call. */
  call(what) {
    for (const [origin, { frame, hostile }] of this.#frames) {
      if (frame && !hostile) frame.contentWindow.postMessage({ type: "tokencast-demo/call", what }, origin);
    }
  }

  /** How long something is drawn on its way to a page. */
  set pace(ms) {
    this.#pace = ms;
    for (const origin of this.#frames.keys()) this.#tellPace(origin);
  }

  elementOf(origin) {
    return this.#frames.get(origin)?.figure;
  }

  nameOf(origin) {
    return this.#frames.get(origin)?.name ?? "of another origin";
  }

  isHostile(origin) {
    return this.#frames.get(origin)?.hostile ?? false;
  }

  /** How many of the app's pages are open. */
  get count() {
    return [...this.#frames.values()].filter(({ frame, hostile }) => frame && !hostile).length;
  }

  /** The page that the server renders, as the app's window has it: in words, for a cookie of the app's is not this browser's. */
  showRendered(loading, page) {
    const known = this.#frames.get(RENDERED);
    if (!known && !loading) return;
    const figure = known?.figure ?? this.#container.appendChild(rendered());
    if (!known) this.#frames.set(RENDERED, { name: "Home", figure });
    const [mark, words] = figure.querySelectorAll(".result > *");
    mark.textContent = page?.status ?? "";
    mark.className = `status ${page?.status === 200 ? "good" : "bad"}`;
    mark.hidden = !page;
    words.textContent = page ? page.text : "waits to be asked for";
  }

  figures() {
    return [...this.#frames].map(([origin, { figure, hostile }]) => ({ origin, figure, hostile }));
  }

  #show({ name, origin, address }, hostile) {
    this.#frames.get(origin)?.figure.remove();
    const figure = document.createElement("figure");
    figure.className = hostile ? "hostile" : "none";
    const frame = figure.appendChild(document.createElement("iframe"));
    frame.title = hostile ? "a hostile page" : `the page ${name}`;
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
    frame.referrerPolicy = "no-referrer";
    frame.src = address;
    frame.addEventListener("load", () => this.#tellPace(origin));
    this.#frames.set(origin, { name, figure, frame, hostile });
    this.#container.append(figure);
    this.onLoad(origin);
  }

  #tellPace(origin) {
    const { frame, hostile } = this.#frames.get(origin) ?? {};
    if (frame && !hostile) frame.contentWindow.postMessage({ type: "tokencast-demo/pace", ms: this.#pace }, origin);
  }

  /** What a script in a page found, and what the hostile page tried; only of the pages in these frames. */
  #hear({ source, origin, data }) {
    const page = this.#frames.get(origin);
    if (!page?.frame || source !== page.frame.contentWindow) return;
    if (data?.type === "tokencast-demo/found" && !page.hostile) {
      post("found", { page: String(data.page), found: data.found.map(String) });
    }
    if (data?.type === "tokencast-demo/tried" && page.hostile) {
      const attempts = data.attempts.map(({ at, tries, got, nothing }) => ({
        at: String(at),
        tries: String(tries),
        got: String(got),
        nothing: nothing === true,
      }));
      post("tried", { attempts, done: data.done === true });
    }
  }
}

function rendered() {
  const figure = document.createElement("figure");
  figure.className = "rendered";
  const made = (parent, tag, className, text = "") => {
    const element = parent.appendChild(document.createElement(tag));
    element.className = className;
    element.textContent = text;
    return element;
  };
  const top = made(figure, "div", "row");
  made(top, "b", "name", "Home");
  made(top, "span", "small", "/app, in the app’s own window");
  const result = made(figure, "p", "result");
  made(result, "span", "status");
  made(result, "span", "");
  return figure;
}
