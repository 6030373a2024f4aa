// Patches what a script can and notes by which way a token came past: as argument, receiver or result. `watchFor` says what
// to look for; what was kept is looked at again then.
(() => {
  const leaks = new Set();
  const secrets = [];
  const { apply, ownKeys, getOwnPropertyDescriptor, defineProperty, construct, get } = Reflect;
  const { add } = Set.prototype;
  const { includes } = String.prototype;
  const { isArray } = Array;
  const headersOf = getOwnPropertyDescriptor(Request.prototype, "headers").get;
  const dataOf = getOwnPropertyDescriptor(MessageEvent.prototype, "data").get;
  const getHeader = Headers.prototype.get;
  const NativeHeaders = Headers;
  const NativeRequest = Request;
  const NativeMessageEvent = MessageEvent;
  const kept = [];
  let busy = false;

  const seen = (value, depth = 0) => {
    if (typeof value === "string") {
      for (let i = 0; i < secrets.length; i++) if (apply(includes, value, [secrets[i]])) return true;
      return false;
    }
    if (typeof value !== "object" || !value || depth > 3) return false;
    if (value instanceof NativeHeaders || value instanceof NativeRequest) {
      if (depth === 0) kept[kept.length] = value;
      const headers = value instanceof NativeRequest ? apply(headersOf, value, []) : value;
      return seen(apply(getHeader, headers, ["authorization"]), depth + 1);
    }
    if (value instanceof NativeMessageEvent) return seen(apply(dataOf, value, []), depth + 1);
    const names = ownKeys(value);
    for (let i = 0; i < names.length && i < 100; i++) {
      const found = getOwnPropertyDescriptor(value, names[i]);
      if (found && "value" in found && seen(found.value, depth + 1)) return true;
    }
    return false;
  };
  const note = (name, self, values = []) => {
    if (busy) return;
    busy = true;
    try {
      if (seen(self)) apply(add, leaks, [name]);
      for (let i = 0; i < values.length; i++) if (seen(values[i])) apply(add, leaks, [name]);
    } catch {
      // What cannot be looked into is let pass.
    } finally {
      busy = false;
    }
  };
  const watch = (owner, name, label) => {
    const found = getOwnPropertyDescriptor(owner, name);
    if (!found?.configurable) return;
    for (const part of ["value", "get", "set"]) {
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

  const types = ["Array", "String", "RegExp", "Promise", "Map", "Set", "WeakMap", "Function", "Headers", "Request", "Response", "URL",
    "EventTarget", "MessageEvent", "MessagePort", "Event", "WebSocket", "AbortSignal", "Date", "Number", "Performance"];
  const owners = ["JSON", "Object", "Reflect", "Promise"];
  const globals = ["fetch", "Request", "Headers", "URL", "WebSocket", "setTimeout", "queueMicrotask", "postMessage",
    "structuredClone", "btoa", "encodeURIComponent", "String"];
  const work = [];
  for (const type of types) {
    const { prototype } = globalThis[type];
    for (const name of ownKeys(prototype)) if (name !== "constructor") work.push([prototype, name, `${type}.prototype.${String(name)}`]);
  }
  for (const owner of owners) for (const name of ownKeys(globalThis[owner])) if (name !== "prototype") work.push([globalThis[owner], name, `${owner}.${String(name)}`]);
  for (const name of globals) work.push([globalThis, name, name]);
  busy = true;
  for (let i = 0; i < work.length; i++) watch(work[i][0], work[i][1], work[i][2]);

  // A listener is handed its event by the browser, so it has to be wrapped.
  const { addEventListener } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    const wrapped = function (event) {
      note("a wrapped listener", event);
      return apply(listener, this, [event]);
    };
    return apply(addEventListener, this, [type, typeof listener === "function" ? wrapped : listener, options]);
  };
  // Fields that code reads from objects that may not have them.
  const names = ["then", "at", "exp", "id", "api", "mode", "init", "headers", "body", "signal", "toJSON", "authorization", "Authorization"];
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name in Object.prototype) continue;
    defineProperty(Object.prototype, name, {
      configurable: true,
      get() {
        note(`Object.prototype.${name}`, this);
        return undefined;
      },
      set(value) {
        note(`Object.prototype.${name}`, this, [value]);
        defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
  busy = false;

  const again = () => {
    const { length } = kept;
    for (let i = 0; i < length; i++) note("a kept request", kept[i]);
  };
  globalThis.watchFor = (secret) => {
    busy = true;
    secrets[secrets.length] = secret;
    busy = false;
    again();
  };
  globalThis.seenBy = () => {
    again();
    busy = true;
    try {
      return [...leaks];
    } finally {
      busy = false;
    }
  };
})();
