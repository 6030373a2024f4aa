// src/error.ts
function errorOf(code, message) {
  return Object.assign(new Error(message), { name: "TokencastError", code });
}

// src/lend.ts
var LEND = /* @__PURE__ */ Symbol.for("tokencast.lend");

// src/self-refresh.ts
var MARGIN = 5e3;
var { apply } = Reflect;
var { then } = Promise.prototype;
var resolve = Promise.resolve.bind(Promise);
var { hasOwnProperty } = Object.prototype;
var startTimer = globalThis.setTimeout.bind(globalThis);
var stopTimer = globalThis.clearTimeout.bind(globalThis);
function selfRefresh(session, exchange) {
  const lend = session[LEND];
  if (!lend) throw errorOf("misconfigured", "selfRefresh: not a session of this version");
  if (!lend(borrow)) throw errorOf("misconfigured", "selfRefresh: this page has an exchange already");
  function borrow({ lease, ttl, base, rt, key }, accessToken, done) {
    const gaveUp = new AbortController();
    const left = typeof ttl === "number" ? ttl : 0;
    const abort = () => gaveUp.abort(errorOf("timed_out", "selfRefresh: the lease is about to lapse"));
    const timers = [
      startTimer(abort, Math.max(0, left - MARGIN)),
      // Until then the app takes what an exchange brings that did not heed its signal.
      startTimer(() => settle(), left)
    ];
    let settled = false;
    function settle(brought) {
      if (settled) return;
      settled = true;
      timers.forEach(stopTimer);
      done(brought);
    }
    function fail(error) {
      settle();
      startTimer(() => {
        throw error;
      }, 0);
    }
    try {
      const lent = { accessToken, refreshToken: rt, idempotencyKey: key, signal: gaveUp.signal };
      const taken = (tokens) => {
        const brought = handOver(tokens);
        if (brought) settle({ k: "handover", lease, base, ...brought });
        else fail(errorOf("invalid_tokens", "selfRefresh: the exchange gave no access token, or no time in seconds"));
      };
      apply(then, resolve(exchange(lent)), [taken, fail]);
    } catch (error) {
      fail(error);
    }
  }
}
function handOver(tokens) {
  const at = own(tokens, "accessToken");
  const rt = own(tokens, "refreshToken");
  const life = own(tokens, "expiresIn");
  if (!isToken(at) || !(rt === void 0 || isToken(rt))) return void 0;
  if (typeof life !== "number" || !(life >= 0)) return void 0;
  const exp = Math.min(Math.round(life * 1e3), Number.MAX_SAFE_INTEGER);
  return rt === void 0 ? { at, exp } : { at, rt, exp };
}
function own(tokens, name) {
  return typeof tokens === "object" && tokens && apply(hasOwnProperty, tokens, [name]) ? tokens[name] : void 0;
}
function isToken(value) {
  return typeof value === "string" && value !== "";
}
export {
  selfRefresh
};
