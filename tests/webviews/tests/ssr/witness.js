// Runs in each document before any script of the page and writes down what its user sees: in each frame that is painted
// until the document is loaded, and then. What it wrote outlives the document.
(() => {
  "use strict";
  if (window !== top || location.protocol !== "https:") return;

  const entries = performance.getEntriesByType.bind(performance);
  const write = (when) => {
    const root = document.documentElement;
    if (!root || !document.body) return;
    const { display, visibility, opacity } = getComputedStyle(root);
    const [navigation] = entries("navigation");
    const seen = {
      document: performance.timeOrigin,
      when,
      path: location.pathname,
      // The 401 of the server, whatever it looks like.
      refused: document.getElementById("refused") !== null || navigation?.responseStatus === 401,
      hidden: display === "none" || visibility === "hidden" || opacity === "0",
    };
    const text = localStorage.getItem("seen") ?? "[]";
    localStorage.setItem("seen", JSON.stringify([...JSON.parse(text), seen]));
  };

  const frame = () => {
    write("frame");
    if (document.readyState !== "complete") requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  addEventListener("load", () => write("load"));
  addEventListener("pageshow", ({ persisted }) => persisted && write("back"));
})();
