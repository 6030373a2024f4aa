import type { TokencastError } from "./index.js";

/** Makes an error of this client. */
export function errorOf(code: TokencastError["code"], message: string): TokencastError {
  return Object.assign(new Error(message), { name: "TokencastError" as const, code });
}
