// Scripts that watch all they can: everything patched, prototypes polluted. They run in the page, after the client.

/** Runs in the page: whoever is handed the canary, as argument, receiver or result, is noted. */
export function observe(canary: string): void {
  const leaks = new Set<string>();
  Object.assign(globalThis, { leaks });
  const { apply, ownKeys, getOwnPropertyDescriptor, defineProperty, construct, get } = Reflect;
  const { add } = Set.prototype;
  const { includes } = String.prototype;
  const seen = (value: unknown, depth = 0): boolean => {
    if (typeof value === "string") return apply(includes, value, [canary]);
    if (typeof value !== "object" || !value || depth > 3) return false;
    if (value instanceof Headers || value instanceof Request) {
      if (depth === 0) kept[kept.length] = value;
      const headers = value instanceof Request ? apply(headersOf, value, []) : value;
      return seen(apply(getHeader, headers, ["authorization"]), depth);
    }
    if (value instanceof MessageEvent) return seen(apply(dataOf, value, []), depth);
    return ownKeys(value).some((key) => {
      const found = getOwnPropertyDescriptor(value, key);
      return found !== undefined && "value" in found && seen(found.value, depth + 1);
    });
  };
  const headersOf = getOwnPropertyDescriptor(Request.prototype, "headers")?.get as () => Headers;
  // What they are given later can be seen by who keeps them.
  const kept: (Headers | Request)[] = [];
  const dataOf = getOwnPropertyDescriptor(MessageEvent.prototype, "data")?.get as () => unknown;
  const getHeader = Headers.prototype.get;
  let busy = false;
  // Without spreading: that would call what is patched, here, before `busy` is set.
  const note = (name: string, self: unknown, values: ArrayLike<unknown> = []) => {
    if (busy) return;
    busy = true;
    try {
      if (seen(self)) apply(add, leaks, [name]);
      for (let i = 0; i < values.length; i++) if (seen(values[i])) apply(add, leaks, [name]);
    } finally {
      busy = false;
    }
  };

  const watch = (owner: object, name: PropertyKey, label: string) => {
    const found = getOwnPropertyDescriptor(owner, name);
    if (!found?.configurable) return;
    for (const part of ["value", "get", "set"] as const) {
      const original = found[part];
      if (typeof original !== "function") continue;
      found[part] = new Proxy(original, {
        apply(target, self, values) {
          note(label, self, values);
          const result = apply(target, self, values);
          note(label, result);
          return result;
        },
        construct(target, values, newTarget) {
          note(label, undefined, values);
          return construct(target, values, newTarget);
        },
        get: (target, key) => get(target, key),
      });
    }
    defineProperty(owner, name, found);
  };

  const types =
    "Array String RegExp Promise Map Set WeakMap Function Headers Request Response URL EventTarget MessageEvent Event " +
    "WebSocket AbortSignal Date Number Performance XMLHttpRequest XMLHttpRequestEventTarget ProgressEvent";
  for (const type of types.split(" ")) {
    const { prototype } = (globalThis as never)[type] as { prototype: object };
    for (const name of ownKeys(prototype))
      if (name !== "constructor") watch(prototype, name, `${type}.prototype.${String(name)}`);
  }
  for (const owner of ["JSON", "Object", "Reflect", "Promise"]) {
    const target = (globalThis as never)[owner] as object;
    for (const name of ownKeys(target)) if (name !== "prototype") watch(target, name, `${owner}.${String(name)}`);
  }
  for (const name of [
    "fetch",
    "Request",
    "Headers",
    "URL",
    "WebSocket",
    "XMLHttpRequest",
    "setTimeout",
    "queueMicrotask",
    "postMessage",
    "structuredClone",
    "btoa",
    "encodeURIComponent",
    "String",
  ]) {
    watch(globalThis, name, name);
  }
  // A listener is handed its event by the browser, so it has to be wrapped.
  const { addEventListener } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options,
  ) {
    const wrapped = function (this: unknown, event: Event) {
      note("a wrapped listener", event);
      return apply(listener as EventListener, this, [event]);
    };
    return apply(addEventListener, this, [type, typeof listener === "function" ? wrapped : listener, options]);
  };
  Object.assign(globalThis, {
    lookAgain() {
      const { length } = kept;
      for (let i = 0; i < length; i++) note("a kept request", kept[i]);
    },
  });
  const { setPrototypeOf } = Object;
  const bare = (descriptor: PropertyDescriptor) => setPrototypeOf(descriptor, null) as PropertyDescriptor;
  // Fields that code reads from objects that may not have them.
  const names =
    "then at rt exp id api mode value token init headers body signal toJSON authorization Authorization accessToken " +
    "refreshToken idempotencyKey get set constructor";
  for (const name of names.split(" ")) {
    if (name in Object.prototype) continue;
    // Without a prototype, as all that describes a property from here on: `value` and `get` are planted there too.
    defineProperty(Object.prototype, name, bare({
      configurable: true,
      get() {
        note(`Object.prototype.${name}`, this);
        return undefined;
      },
      set(value) {
        note(`Object.prototype.${name}`, this, [value]);
        defineProperty(this, name, bare({ value, writable: true, enumerable: true, configurable: true }));
      },
    }));
  }
  for (const type of ["message", "error", "unhandledrejection"]) addEventListener(type, (event) => note(type, event));
  // Without this line none of the above counts: it is the proof that nothing of it threw.
  (globalThis as { watching?: boolean }).watching = true;
}

/** Runs in the page. */
export function allLeaks(): string[] {
  const { leaks, lookAgain, watching } = globalThis as unknown as { leaks: Set<string>; lookAgain(): void; watching?: true };
  if (!watching) throw new Error("the observers were not set up");
  lookAgain();
  return [...leaks];
}
