// The script that an app injects at document start: the same client as a global, for the page and for its bundle, whose
// own copy then steps back (`connect` in index.ts).
import { connect } from "./index.js";

if (!("tokencast" in globalThis)) Object.defineProperty(globalThis, "tokencast", { value: Object.freeze({ connect }) });
