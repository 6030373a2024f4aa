// Fails when dist/ is not what the sources build to, or the injected script is over its budget.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { INJECT_BUDGET, brotliSize, build } from "./build.mjs";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const fresh = mkdtempSync(join(tmpdir(), "tokencast-dist-"));
const problems = [];
try {
  build(fresh);
  for (const name of new Set([...readdirSync(dist), ...readdirSync(fresh)])) {
    if (content(dist, name) !== content(fresh, name))
      problems.push(`dist/${name} is stale: run \`npm run build\` and commit it`);
  }
  const size = brotliSize(join(fresh, "tokencast.inject.js"));
  if (size > INJECT_BUDGET)
    problems.push(`the injected script has ${size} bytes after brotli, its budget is ${INJECT_BUDGET}`);
} finally {
  rmSync(fresh, { recursive: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length ? 1 : 0;

function content(folder, name) {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return undefined;
  }
}
