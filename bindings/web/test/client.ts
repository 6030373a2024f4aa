// What the unit tests see of the client; `page.ts` evaluates it afresh for each page.
export { createCore } from "../src/core.js";
export { replayingFetch } from "../src/fetch.js";
export { LEND } from "../src/lend.js";
export { apiOrigins } from "../src/origins.js";
export { selfRefresh } from "../src/self-refresh.js";
