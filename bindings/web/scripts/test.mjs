// Bundles the tests (Node 20 runs no TypeScript) and gives them to Node's runner. Arguments pick tests by name.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const wanted = process.argv.slice(2);
const names = readdirSync(join(root, "test")).filter(
  (name) => name.endsWith(".test.ts") && (!wanted.length || wanted.some((part) => name.includes(part))),
);
// Inside the package, so that the bundles find its dependencies.
const out = mkdtempSync(join(root, "node_modules", ".tests-"));
try {
  esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: names.map((name) => `test/${name}`),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const files = names.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
  const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], {
    cwd: root,
    stdio: "inherit",
  });
  process.exitCode = names.length && run.status === 0 ? 0 : 1;
} finally {
  rmSync(out, { recursive: true });
}
