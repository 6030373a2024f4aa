import { listen, self } from "./natives.js";

/** The turns of a document's life that matter to its session. */
export interface Life {
  /** The document is a real one, not a prerendering that may never be shown. */
  started(): void;
  /** It is seen again, or back from the back-forward cache, or online. */
  shown(): void;
  /** It is left: for good, or into the back-forward cache. */
  left(forGood: boolean): void;
}

/** Watches the document; `started` is called at once unless it is being prerendered. */
export function watchLife(life: Life): void {
  const document = self.document as Document & { prerendering?: boolean };

  listen(self, "pagehide", (event) => life.left(!(event as PageTransitionEvent).persisted));
  listen(self, "pageshow", (event) => (event as PageTransitionEvent).persisted && life.shown());
  listen(self, "online", () => life.shown());
  listen(document, "visibilitychange", () => document.visibilityState === "visible" && life.shown());
  if (document.prerendering) listen(document, "prerenderingchange", () => life.started());
  else life.started();
}
