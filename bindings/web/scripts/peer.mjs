// Bundles what the client is measured beside: axios with axios-auth-refresh, as a page would have them. The argument is the file
// to write.
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const [outfile] = process.argv.slice(2);
const contents = `export { default as axios } from "axios"; export { createAuthRefresh } from "axios-auth-refresh";`;
esbuild.buildSync({
  stdin: { contents, resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "peer",
  logLevel: "warning",
  outfile,
});
