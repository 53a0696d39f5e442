#!/usr/bin/env node
/*
 * Makes the checkout ready to run: the npm dependencies, a Node that runs TypeScript as it stands, and, with
 * `--servers`, a Redis or Valkey server for the tests. Says in a line what it does and why, and nothing when there is
 * nothing to do. Plain JavaScript for Node 18 and up, without dependencies: it runs before there are any.
 *
 *     node scripts/setup.mjs [--servers]
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { localNode, run, runsSource, say, stop, succeeds, ROOT } from "./lib/project.mjs";
import { ensureServer } from "./lib/servers.mjs";

const unknown = process.argv.slice(2).filter((argument) => argument !== "--servers");
if (unknown.length > 0) stop(`scripts/setup.mjs does not know ${unknown.join(" ")}; it takes --servers.`);

ensureDependencies();
ensureNode();
if (process.argv.includes("--servers")) ensureServer();

function ensureDependencies() {
  const why = outOfStep();
  if (why === undefined) return;
  say(`Installing the npm dependencies (npm ci): ${why}.`);
  if (npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]) !== 0) {
    stop(
      "npm ci failed, so nothing can run yet; npm says why above.\n" +
        "If this machine is offline or behind a proxy, make the npm registry reachable (npm config get registry).\n" +
        "If package.json and package-lock.json differ, run: npm install",
    );
  }
  const still = outOfStep();
  if (still !== undefined) stop(`npm ci ended well, and yet ${still}. Remove node_modules and run: npm ci`);
}

/** Why node_modules is not what package-lock.json asks for; undefined if it is. */
function outOfStep() {
  if (!existsSync(join(ROOT, "node_modules"))) return "node_modules is not there";
  const wanted = packagesIn("package-lock.json");
  if (wanted === undefined) stop("package-lock.json is missing or damaged. Restore it: git checkout package-lock.json");
  // npm writes this last, so it is missing after an install that was broken off.
  const installed = packagesIn("node_modules/.package-lock.json");
  if (installed === undefined) return "node_modules is incomplete";
  for (const [path, { version, integrity, optional, link }] of Object.entries(wanted)) {
    if (path === "" || link) continue;
    const found = installed[path];
    if (found === undefined) {
      if (optional) continue; // for another platform
      return `package-lock.json asks for ${path}`;
    }
    if (found.version !== version || found.integrity !== integrity) return `${path} is not the one package-lock.json asks for`;
    if (!existsSync(join(ROOT, path, "package.json"))) return `${path} is missing`;
  }
  return undefined;
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** The npm package `node` brings Node; its install script puts it in place, if npm was allowed to run it. */
function ensureNode() {
  if (localNode() !== undefined) return;
  if (!existsSync(join(ROOT, "node_modules/.bin/node")) && runsSource(process.version)) return;
  say("Putting Node into node_modules/.bin (npm rebuild node): its install script did not run, or it does not start here.");
  npm(["rebuild", "node", "--loglevel=error"]);
  if (localNode() !== undefined) return;
  if (runsSource(process.version)) return;
  stop(
    `Baton's sources need Node 22.18 or newer, this is ${process.version}, and the one from npm could not be put in place.\n` +
      "Either allow its install script:  npm rebuild node --ignore-scripts=false\n" +
      "or install Node 24 yourself, and run the command again.",
  );
}

/** Runs npm with the Node it was called with: the one in node_modules may be about to be replaced. */
function npm(args) {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script?.endsWith(".js") && node !== undefined && existsSync(node)) return run(node, [script, ...args]);
  if (!succeeds("npm", ["--version"])) stop("npm is not on the PATH. Install Node with npm, and run the command again.");
  return run("npm", args);
}
