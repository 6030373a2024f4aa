// Whose calls carry the token, and whose never.

import assert from "node:assert/strict";
import test from "node:test";
import { activePage, bearer, gen, openPage, unauthorized } from "./page.js";

test("a call to a listed origin carries the token", async () => {
  const page = activePage();
  assert.equal((await page.fetch("/me")).status, 200);
  assert.equal(page.server[0]?.authorization, bearer(gen(1)));
});

test("no other origin sees the token, however alike it looks", async () => {
  const page = activePage();
  const others = [
    "http://api.example.com/",
    "https://api.example.com:8443/",
    "https://api.example.com.evil.test/",
    "https://evil.test/https://api.example.com/",
    "https://example.com/",
    "https://xapi.example.com/",
    "https://api.example.com%2eevil.test/",
    "https://api.example.com\\.evil.test/x/../",
    "https://аpi.example.com/",
    "data:text/plain,hello",
  ];
  for (const url of others) await page.fetch(url).catch(() => {});
  const seen = page.server.filter(({ authorization }) => authorization);
  // A backslash ends the host as a slash does: that one is the API itself, with an odd path.
  assert.deepEqual(
    seen.map(({ url }) => new URL(url).origin),
    ["https://api.example.com"],
  );
});

test("the origin is compared after the URL is resolved", async () => {
  const page = activePage();
  await page.fetch("HTTPS://API.example.COM:443/me");
  assert.equal(page.server[0]?.authorization, bearer(gen(1)));
});

test("an origin that only the app lists gets no token", async () => {
  const page = activePage({ api: ["https://other.example.com"] });
  await page.fetch("/me");
  assert.equal(page.server[0]?.authorization, null);
});

test("an origin that only the page lists gets no token", async () => {
  const page = activePage({ api: ["https://api.example.com", "https://other.example.com"] });
  await page.fetch("https://other.example.com/me");
  assert.equal(page.server[0]?.authorization, null);
});

test("the caller's own Authorization is left alone, and its 401 is not the app's matter", async () => {
  const page = activePage();
  page.replies.push(() => unauthorized());
  const answer = await page.fetch("/me", { headers: { authorization: "Basic eDp5" } });
  assert.equal(answer.status, 401);
  assert.equal(page.server[0]?.authorization, "Basic eDp5");
  assert.equal(page.app.of("need").length, 0);
});

test("a no-cors call carries no token", async () => {
  const page = activePage();
  await page.fetch("/me", { mode: "no-cors" });
  assert.equal(page.server[0]?.authorization, null);
});

test("only origins are accepted as `api`", () => {
  const { modules } = openPage({ plain: true });
  assert.deepEqual(
    modules.apiOrigins(["https://a.example", "https://b.example/", "http://localhost:3000", "http://[::1]:1"]),
    ["https://a.example", "https://b.example", "http://localhost:3000", "http://[::1]:1"],
  );
  const wrong = [
    "http://a.example",
    "https://a.example/v1",
    "https://u@a.example",
    "https://a.example?x",
    "a.example",
    "*",
    "",
    "null",
    "blob:https://a.example/x",
    "file:///x",
    7,
    null,
  ];
  for (const origin of wrong) {
    assert.throws(
      () => modules.apiOrigins([origin as string]),
      { name: "TokencastError", code: "misconfigured" },
      String(origin),
    );
  }
  assert.throws(() => modules.apiOrigins(undefined as unknown as string[]), { code: "misconfigured" });
});
