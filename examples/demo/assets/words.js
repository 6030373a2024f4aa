// Says in plain sentences what a beat was, from what was seen; and why a button's outcome matters.

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six"];
const OTHER_ERRORS = {
  reuse_detected: "that refresh token was used before, so somebody has a copy. It ended the session",
  password_changed: "the password was changed since",
  superseded: "there is a newer token by now",
  invalid_token: "it does not know that token",
  expired: "that token is too old",
};

/** `look` knows the pages' names, how many are open, and who else is in the story. */
export function sentence(beat, look) {
  const [first] = beat.moments;
  switch (beat.kind) {
    case "words":
      return spoken(beat.event);
    case "call":
      return called(beat, look);
    case "replay":
      return `${whoDid(beat, look)} sent ${plural(beat) ? "their calls" : "its call"} again${withToken(first)}.`;
    case "need":
      return `${whoDid(beat, look)} told the app: “I need a newer access token.” ${plural(beat) ? "Their calls wait" : "Its call waits"}.`;
    case "held":
      return "A page that the server renders is to be asked for. The app holds the request: its token is too old.";
    case "released":
      return "The app put the new token into that page’s cookie, and let the request go.";
    case "state":
      return `The app handed access token no. ${first.generation.number} to ${whom(beat, look)}.`;
    case "ended":
      return `The app told ${whom(beat, look)} that the session is over. Their tokens are gone.`;
    case "copy":
      return `${upper(look.other)} copied what the app has in its safe.`;
    case "try":
      return beat.moments.map(({ tries, got }) => `The hostile page ${lower(tries)}: ${got}.`).join(" ");
    case "ask":
      return first.from === "app" ? appAsked(first) : otherAsked(first, look);
    case "answer":
      return answered(beat, look);
  }
  return "";
}

/** Who is behind a beat, for the list: you, app, server, page or other. */
export function actorOf(beat) {
  if (beat.kind === "words") return beat.event.who;
  return beat.moments[0].from;
}

/** Whether it is good news, bad news, or neither. */
export function toneOf(beat) {
  const [first] = beat.moments;
  if (beat.kind === "answer") return first.status && first.status < 400 ? "good" : "bad";
  if (beat.kind === "state" || beat.kind === "released") return "token";
  if (["try", "ended", "copy"].includes(beat.kind)) return "bad";
  if (beat.kind === "ask" && first.carries.includes("refresh")) return first.from === "other" ? "bad" : "key";
  return "asks";
}

/** What rides along the way. */
export function rider(moment, kind, narrow) {
  switch (kind) {
    case "need":
      return { text: narrow ? "new?" : "need a new one" };
    case "held":
      return { text: "hold on" };
    case "released":
      return { text: "cookie" };
    case "state":
      return { text: `no. ${moment.generation.number}`, generation: moment.generation };
    case "ended":
      return { text: "it is over" };
    case "copy":
      return { text: "a copy", key: true };
    case "try":
      return { text: moment.nothing ? "nothing" : "!" };
    case "answer":
      if (!moment.status) return { text: "lost", lost: true };
      if (moment.brings.includes("access")) return { text: moment.brings.includes("refresh") ? "new pair" : "new token" };
      return { text: String(moment.status) };
    case "ask":
      if (moment.carries.includes("password")) return { text: "password" };
      if (moment.carries.includes("refresh")) return { text: "refresh token", key: true };
      return { text: moment.asks.split(" ")[0] };
    default:
      if (moment.page === "rendered") return { text: moment.carries.includes("access") ? "with cookie" : "no cookie" };
      if (!moment.generation) return { text: "no token" };
      return { text: `no. ${moment.generation.number}`, generation: moment.generation };
  }
}

const WHY = {
  expire:
    "Access tokens are short-lived on purpose. The price: all open pages meet this moment, again and again. Press 2.",
  call_api:
    "Had each page refreshed for itself, one refresh token would have been used several times. Servers take that for theft, and sign ada out.",
  add_notes: "A call that writes is sent again only because the server had refused it: it cannot have happened twice.",
  another_page: "A page that comes late needs no exchange of its own. It gets what the app has.",
  rendered_page:
    "Such a page is asked for before any script of it could speak. Without holding the request, ada would see a flash of “please sign in”.",
  hostile_page:
    "The browser tells the app which origin knocks, and a key opens the door once, for one origin. Said plainly: a hostile script inside one of the app’s own pages could use that page’s access token while it lasts. The refresh token it never has.",
  kill: "Phones end apps without asking. The refresh token was on disk before anybody had to rely on it, so ada stays signed in.",
  kill_mid_refresh:
    "The worst moment there is. The new app asks again under the same key, and by that key the server knows that it is no thief.",
  sign_out: "The server forgets the session, and every page drops its token. Nothing is left that could be stolen.",
  sign_in: "Pages of the session before were closed: a page never goes over to another session, so nothing of one is sent with the other.",
};

export const why = (step) => WHY[step] ?? "";

function called(beat, look) {
  const [first] = beat.moments;
  const who = whoDid(beat, look);
  if (look.isHostile(first.page)) return `${who} asked the server: ${first.asks}. It has no token to show.`;
  if (first.page === "rendered") return "The request for the page went to the server, with the token in a cookie.";
  if (first.asks.endsWith("/notes")) return `${who} asked the server to save a note${withToken(first)}.`;
  if (first.asks.endsWith("/me")) return `${who} asked the server for ada’s data${withToken(first)}.`;
  return `A script in ${whom(beat, look)} asked the server: ${first.asks}.`;
}

function appAsked({ asks, again, carries }) {
  if (carries.includes("password")) return "The app sent ada’s name and password to the server.";
  if (asks.endsWith("/logout") || asks.endsWith("/revoke")) return "The app told the server to end the session.";
  if (again) return "The app asked again: the same refresh token, under the same key.";
  if (carries.includes("refresh")) return "The app took the refresh token out of its safe, and showed it to the server: once, for all pages.";
  return "The app showed the server its expired access token, to get the next one.";
}

function otherAsked({ asks, carries }, look) {
  const who = upper(look.other);
  if (asks.endsWith("/password")) return `${who} changed ada’s password at the server.`;
  if (asks.endsWith("/login") || carries.includes("password")) return `${who} signed in.`;
  if (asks.endsWith("/revoke")) return `${who} ended ada’s session at the server.`;
  if (asks.endsWith("/me")) return `${who} asked the server for ada’s data.`;
  if (carries.includes("refresh")) return `${who} showed the server a refresh token, and asked for new ones.`;
  return `${who} asked the server for new tokens.`;
}

function answered(beat, look) {
  const [{ to, status, error, brings, asks }] = beat.moments;
  if (!status) return "The server’s answer was lost on the way. The app cannot know whether its refresh token was used.";
  if (to === "page") {
    const who = whom(beat, look);
    if (beat.moments[0].page === "rendered") {
      return status < 400 ? `The server rendered the page for ada (${status}).` : `The server refused the page (${status}).`;
    }
    if (status < 400) return `The server answered ${who} (${status}).`;
    if (look.isHostile(beat.moments[0].page)) return `The server gave the hostile page nothing (${status}).`;
    return `The server turned ${who} away: that access token is over (401).`;
  }
  const whose = to === "app" ? "the app" : look.other;
  if (status >= 400) return `The server refused ${whose} (${status}): ${OTHER_ERRORS[error] ?? error ?? "no reason given"}.`;
  if (brings.includes("access")) {
    const first = asks.endsWith("/login");
    const access = first ? "an access token" : "a new access token";
    const refresh = brings.includes("refresh") ? ` and a ${first ? "" : "new "}refresh token` : "";
    return `The server gave ${whose} ${access}${refresh}.`;
  }
  return asks.endsWith("/me") ? `The server gave ${whose} ada’s data.` : "The server did so, and forgot the session’s tokens.";
}

function spoken({ who, text }) {
  return `${who === "you" ? "You: " : ""}${who === "you" ? text : upper(text)}.`;
}

function withToken({ generation }) {
  return generation ? `, showing access token no. ${generation.number}` : ", without a token";
}

const plural = ({ moments }) => new Set(moments.map(({ page }) => page)).size > 1;

function whoDid(beat, look) {
  return upper(whom(beat, look));
}

function whom({ moments }, look) {
  const pages = [...new Set(moments.map(({ page }) => page))];
  if (pages.length === 1 && look.isHostile(pages[0])) return "the hostile page";
  if (pages.length > 1 && pages.length === look.count) return `all ${NUMBERS[pages.length] ?? pages.length} pages`;
  const names = pages.map((page) => look.nameOf(page));
  if (names.length === 1) return `the page ${names[0]}`;
  return `the pages ${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const lower = (text) => text.charAt(0).toLowerCase() + text.slice(1);
