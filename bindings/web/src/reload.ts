/**
 * Documents that are loaded again: one whose own request was answered 401 is, as soon as there is a newer token, and
 * any may be by its host. The next document is scrolled to where the last one was.
 */

import { connection, started } from "./connection.js";
import { listen, parse, self, startTimer, stringify, wall } from "./natives.js";

/** So often within {@link SPAN} one URL is loaded again. */
const MOST = 2;
/** The time in which reloads count, in milliseconds. */
const SPAN = 300_000;
/** A document is shown again after so long, whatever became of its reload, in milliseconds. */
const PATIENCE = 15_000;
/** The note's name in `sessionStorage`. */
const NOTE = "tokencast.reload";

/** What a document leaves for the next one of its tab. */
interface Note {
  /** Where the page was when it was left. */
  readonly left?: Place | undefined;
  /** The reloads of late. */
  readonly reloads: readonly (readonly [url: string, time: number])[];
}

interface Place {
  readonly url: string;
  readonly x: number;
  readonly y: number;
  /** Whether the next document is the same page once more, and not one that the user went to. */
  readonly again: boolean;
  /** Whether this document was rejected. */
  readonly rejected?: boolean;
}

/** Looks after this document, from its start. */
export function watchReloads(): void {
  const { document, location, performance } = self;
  // A frame is its page's matter; and not every place where this is loaded has documents.
  if ((self.parent as unknown) !== self) return;
  const [entry] = performance.getEntriesByType("navigation") as (PerformanceNavigationTiming & { responseStatus?: number })[];
  const { left, reloads = [] } = readNote();
  const here = withoutFragment(location.href);
  const isAgain = !!left && withoutFragment(left.url) === here;
  let place = isAgain ? left : undefined;
  // Read once: whoever comes to this page later comes to its beginning.
  if (left) leave({ reloads });

  if (entry?.responseStatus === 401) {
    const recent = reloads.filter(([, time]) => wall() - time < SPAN);
    const times = recent.filter(([url]) => url === here).length;
    const twice = place?.rejected;
    place = { x: 0, y: 0, ...place, url: location.href, again: true, rejected: true };
    if (times < MOST) loadAgain(here, !!twice, { left: place, reloads: [...recent, [here, wall()]] });
  } else {
    if (place?.again) restore(place);
    place = undefined;
  }
  listen(self, "pagehide", () => {
    // A page that has no app leaves nothing behind, and a rejected one what it found.
    const core = started();
    if (!place && core) leave({ reloads, left: { url: location.href, x: self.scrollX, y: self.scrollY, again: core.reloads() } });
  });

  /** Hides the document until it is clear whether another one comes in its place. */
  function loadAgain(url: string, twice: boolean, note: Note): void {
    const sheet = new CSSStyleSheet();
    // At document start there is no element to be hidden yet.
    sheet.replaceSync(":root{display:none!important}");
    document.adoptedStyleSheets = [sheet];
    const show = () => (sheet.disabled = true);
    const { signal } = new AbortController();
    // Later, for the app's own script may come after this one.
    startTimer(async () => {
      const core = connection();
      let verdict = await core.renewed(undefined, "expiring", signal);
      // Rejected twice, it is the newest token that is: the app is to get another.
      if (verdict === "newer" && twice) verdict = await core.renewed(core.held()?.gen, "401", signal);
      // What cannot be counted is not done. By GET: what a POST was answered must not send it once more.
      const leaves = verdict === "newer" && leave(note);
      if (leaves) location.replace(url);
      startTimer(show, leaves ? PATIENCE : 0);
    }, 0);
  }

  function restore({ url, x, y }: Place): void {
    if (url !== location.href) self.history.replaceState(self.history.state, "", url);
    let reached = 0;
    const scroll = () => {
      // Not over the user's own scrolling, or where the page sees to it.
      if (self.scrollY !== reached || self.history.scrollRestoration !== "auto") return;
      self.scrollTo({ left: x, top: y, behavior: "instant" });
      reached = self.scrollY;
    };
    listen(document, "DOMContentLoaded", scroll);
    listen(self, "load", scroll);
  }
}

function withoutFragment(url: string): string {
  return url.replace(/#.*/, "");
}

function readNote(): Partial<Note> {
  try {
    const note = parse(self.sessionStorage[NOTE]);
    return note.reloads ? note : {};
  } catch {
    // No storage, no note, or one that is none of this client's.
    return {};
  }
}

/** Says whether the next document will find it. */
function leave(note: Note): boolean {
  try {
    self.sessionStorage[NOTE] = stringify(note);
    return true;
  } catch {
    return false;
  }
}
