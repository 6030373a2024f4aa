// Builds dist/: the module, its types, and the script that an app injects. Same sources, same bytes.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The injected script is evaluated in every page, so its size has a budget, in bytes after brotli (docs/adr/0013). */
export const INJECT_BUDGET = 6144;

/** The entry points beside the client itself; each uses the types of `src/index.ts`. */
const EXTRAS = ["events", "self-refresh", "socket"];

export const brotliSize = (file) => brotliCompressSync(readFileSync(file)).length;

export function build(out) {
  mkdirSync(out, { recursive: true });
  const common = { absWorkingDir: root, bundle: true, target: "es2020", charset: "ascii", logLevel: "warning" };
  esbuild.buildSync({ ...common, entryPoints: ["src/index.ts"], format: "esm", outfile: join(out, "tokencast.js") });
  esbuild.buildSync({
    ...common,
    entryPoints: ["src/inject.ts"],
    format: "iife",
    minify: true,
    define: { INJECTED: "true" },
    outfile: join(out, "tokencast.inject.js"),
  });
  for (const name of EXTRAS)
    esbuild.buildSync({ ...common, entryPoints: [`src/${name}.ts`], format: "esm", outfile: join(out, `${name}.js`) });
  for (const [name, text] of declarations()) writeFileSync(join(out, name), text);
}

/** The public face is all in `src/index.ts` and the entry points that use its types. */
function declarations() {
  const temp = mkdtempSync(join(tmpdir(), "tokencast-types-"));
  try {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const options = [
      "--noEmit",
      "false",
      "--declaration",
      "--emitDeclarationOnly",
      "--outDir",
      temp,
      "--rootDir",
      root,
    ];
    execFileSync(process.execPath, [tsc, "-p", root, ...options], { stdio: "inherit" });
    const text = readFileSync(join(temp, "src/index.d.ts"), "utf8");
    if (/\bfrom "\.|\bimport\b/.test(text)) throw new Error("the public types must not refer to another file");
    const extras = EXTRAS.map((name) => [
      `${name}.d.ts`,
      readFileSync(join(temp, `src/${name}.d.ts`), "utf8").replace("./index.js", "./tokencast.js"),
    ]);
    return [["tokencast.d.ts", text], ...extras];
  } finally {
    rmSync(temp, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = join(root, "dist");
  build(out);
  console.log(
    `dist/tokencast.inject.js: ${brotliSize(join(out, "tokencast.inject.js"))} of ${INJECT_BUDGET} bytes (brotli)`,
  );
}
