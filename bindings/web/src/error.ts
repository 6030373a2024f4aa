import type { TokencastError } from "./index.js";

/** Makes an error of this client. */
export function errorOf<Code extends string>(code: Code, message: string): Error & Pick<TokencastError, "name"> & { readonly code: Code } {
  return Object.assign(new Error(message), { name: "TokencastError" as const, code });
}
