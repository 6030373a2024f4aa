// What is committed and published: the built files, the lock file, the listing of the README.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import test from "node:test";
import { brotliCompressSync } from "node:zlib";

const read = (name: string) => readFileSync(name, "utf8");

test("the injected script has at most 6,144 bytes after brotli", () => {
  const size = brotliCompressSync(readFileSync("dist/tokencast.inject.js")).length;
  assert.ok(size <= 6144, `${size} bytes`);
});

test("the injected script runs in strict mode and leaves one name behind", () => {
  assert.ok(read("dist/tokencast.inject.js").startsWith('"use strict";(()=>{'));
  const window = Object.create(globalThis);
  new Function("globalThis", read("dist/tokencast.inject.js"))(window);
  assert.deepEqual(Object.getOwnPropertyNames(window), ["tokencast"]);
  assert.throws(() => {
    window.tokencast = {};
  }, TypeError);
});

test("dist is what the sources build to", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/stale.mjs"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("the lock file names no host", () => {
  assert.doesNotMatch(read("package-lock.json"), /:\/\/|"resolved"/);
});

test("the built module can be loaded where there is no page", async () => {
  const { connect } = await import(new URL("dist/tokencast.js", `file://${process.cwd()}/`).href);
  assert.equal(connect({ api: ["https://api.example.com"] }).state, "plain");
});

test("the README's listings compile against the built types", () => {
  const listings = [...read("README.md").matchAll(/```ts\n((?:import [^\n]*\n)+)([^]*?)```/g)];
  assert.equal(listings.length, 5);
  const folder = mkdtempSync("node_modules/.listing-");
  try {
    listings.forEach(([, imports = "", block = ""], index) => {
      assert.ok(block.trim());
      const parts = { "{{imports}}": imports, "{{block}}": block, "{{number}}": `${index + 1}` };
      const text = read("readme/readme.template").replace(/\{\{\w+\}\}/g, (part) => parts[part as keyof typeof parts]);
      writeFileSync(`${folder}/listing-${index + 1}.ts`, text);
    });
    const include = ["listing-*.ts", "../../readme/frameworks.d.ts"];
    writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ extends: "../../readme/tsconfig.json", include }));
    const tsc = ["node_modules/typescript/bin/tsc", "-p", folder];
    const { status, stdout } = spawnSync(process.execPath, tsc, { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
