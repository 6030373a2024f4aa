// Groups what went over the wire into beats: what happened side by side is drawn together, and nothing is drawn before
// what caused it. Pure: it knows no document and no clock.

/** Messages of the bridge that are worth a drawing; the others are bookkeeping. */
const SHOWN = new Set(["need", "state", "ended", "held", "released"]);

export class Beats {
  #pending = [];
  #count = 0;
  /** The beat in which somebody had a part last: "app", "server", "other" or a page's origin. */
  #last = new Map();
  /** The generation that each page was told last, and whether its last call was refused. */
  #told = new Map();
  /** With which generation it was refused. */
  #refused = new Map();
  /** Calls that were seen before the news that made them: these come from the app, by another way. */
  #early = new Map();
  #lastNeed = 0;

  /** Takes a moment. What became a part of the beat that is being drawn already. */
  add(moment, playing) {
    const { what, page } = moment;
    const refused = this.#refused.get(page);
    const waits = what === "asks" && refused && refused === this.#told.get(page);
    if (waits) {
      this.#early.set(page, moment);
      return [];
    }
    const early = this.#early.get(page);
    this.#early.delete(page);
    // Whatever else is heard of the page goes before, but an answer cannot.
    const order = what === "answers" ? [early, moment] : [moment, early];
    return order.filter(Boolean).filter((one) => this.#take(one, playing));
  }

  /** Whether it is a part of the beat that is being drawn. */
  #take(moment, playing) {
    const told = this.#interpret(moment);
    if (!told) return false;
    const { key, after, participants } = told;
    const fits = (beat) => beat.key === key && beat.number > after;
    let beat = playing && fits(playing) ? playing : this.#pending.find(fits);
    if (!beat) {
      beat = { number: ++this.#count, key, kind: told.kind, moments: [] };
      this.#pending.push(beat);
    }
    Object.assign(moment, told.extra);
    beat.moments.push(moment);
    for (const participant of participants) this.#last.set(participant, beat.number);
    if (moment.says === "need" || moment.says === "held") this.#lastNeed = beat.number;
    return beat === playing;
  }

  /** Something in words only, in its place between the others. */
  addWords(event) {
    this.#pending.push({ number: ++this.#count, key: `words ${event.n}`, kind: "words", moments: [], event });
  }

  /** The next beat, if there is one. */
  next() {
    return this.#pending.shift();
  }

  get waiting() {
    return this.#pending.length;
  }

  /** Pages that are loaded anew have nothing. */
  forget(origin) {
    this.#told.delete(origin);
    this.#refused.delete(origin);
  }

  #interpret(moment) {
    const { what, from, to, page } = moment;
    const last = (...names) => Math.max(0, ...names.map((name) => this.#last.get(name) ?? 0));
    const client = page ?? (what === "answers" ? to : from);
    if (what === "asks") {
      const again = moment.again || this.#refused.has(page);
      const after = from === "app" ? Math.max(last("app"), this.#lastNeed) : last(client);
      const kind = from === "page" ? (again ? "replay" : "call") : "ask";
      const key = `asks ${from} ${moment.asks} ${again}`;
      return { kind, key, after, participants: [client], extra: { again, generation: this.#told.get(page) } };
    }
    if (what === "answers") {
      if (moment.status === 401) this.#refused.set(page, this.#told.get(page));
      else this.#refused.delete(page);
      const key = `answers ${to} ${moment.asks} ${moment.status} ${moment.error}`;
      return { kind: "answer", key, after: last(client), participants: [client] };
    }
    if (what === "copies") {
      const participants = ["app", "other"];
      return { kind: "copy", key: "copies", after: last("app"), participants };
    }
    if (what === "tries") {
      const participants = [page];
      return { kind: "try", key: `tries ${to}`, after: last(page), participants };
    }
    if (!SHOWN.has(moment.says)) return undefined;
    const { says, generation } = moment;
    if (says === "held" || says === "released") {
      const after = says === "held" ? last(page) : last("app", page);
      return { kind: says, key: says, after, participants: [page] };
    }
    if (says === "need") return { kind: "need", key: "need", after: last(page), participants: [page] };
    if (says === "ended") {
      this.#told.delete(page);
      return { kind: "ended", key: "ended", after: last("app", page), participants: [page] };
    }
    const before = this.#told.get(page);
    const same = before?.epoch === generation?.epoch && before?.number === generation?.number;
    if (!generation || same) return undefined;
    this.#told.set(page, generation);
    const key = `state ${generation.epoch}.${generation.number}`;
    return { kind: "state", key, after: last("app", page), participants: [page] };
  }
}
