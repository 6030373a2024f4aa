import { TokencastError } from "./error.js";
import { URL, apply, stringify, urlOrigin } from "./natives.js";

/**
 * Reads the page's list of API origins. Each must be written as an origin, so that the reader of the call sees all of
 * what is allowed: no path, no user, no pattern.
 */
export function apiOrigins(list: readonly string[]): readonly string[] {
  return ([] as unknown[]).concat(list).map((text) => {
    const origin = parseOrigin(text);
    if (!origin) throw new TokencastError("misconfigured", `api: ${stringify(text)} is not an https origin`);
    return origin;
  });
}

/** The origin of an absolute URL, as the platform computes it; `undefined` when it is not one. */
export function originOf(url: string): string | undefined {
  try {
    return apply(urlOrigin, new URL(url), []);
  } catch {
    return undefined;
  }
}

/** Whether a host name can only mean this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}

function parseOrigin(text: unknown): string | undefined {
  const origin = typeof text === "string" ? originOf(text) : undefined;
  if (!origin) return undefined;
  const { protocol, hostname, href } = new URL(text as string);
  const trusted = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  // What the URL has beside its origin must be the root path alone.
  return trusted && href === origin + "/" ? origin : undefined;
}
