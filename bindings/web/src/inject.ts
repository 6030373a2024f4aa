// The script that an app injects at document start: the same client as a global, for the page and for its bundle, whose
// own copy then steps back (`connect` in index.ts).
import { receive } from "./connection.js";
import { connect } from "./index.js";
import { watchReloads } from "./reload.js";

if (!("tokencast" in globalThis)) {
  // Neither can be replaced or redefined: whoever could put something in the place of `receive` would be handed tokens.
  Object.defineProperty(globalThis, "tokencast", { value: Object.freeze({ connect, receive }) });
  watchReloads();
}
