import { errorOf } from "./error.js";
import { URL, apply, stringify, urlOrigin } from "./natives.js";

/**
 * Reads the page's list of API origins. Each must be written as an origin, so that the reader of the call sees all of
 * what is allowed: no path, no user, no pattern.
 */
export function apiOrigins(list: readonly string[]): readonly string[] {
  return ([] as string[]).concat(list).map(parseOrigin);
}

/** The origin of an absolute URL, as the platform computes it. */
export function originOf(url: string): string {
  return apply(urlOrigin, new URL(url), []);
}

/** Whether a host name can only mean this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}

function parseOrigin(text: string): string {
  try {
    const { origin, protocol, hostname, href } = new URL(text);
    const trusted = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
    // What the URL has beside its origin must be the root path alone.
    if (trusted && href === origin + "/") return origin;
  } catch {
    // Not a URL: told below, as everything else that is no origin.
  }
  throw errorOf("misconfigured", `api: ${stringify(text)} is not an https origin`);
}
