/* What the scripts share. Plain JavaScript for Node 18 and up, without dependencies. */
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

const BIN = join(ROOT, "node_modules", ".bin");
const WINDOWS = process.platform === "win32";

/** Whether this version of Node runs TypeScript without flags and has node:sqlite. */
export function runsSource(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/** The Node that the npm package `node` put in place; undefined if it is missing, too old or does not start. */
export function localNode() {
  const path = join(BIN, WINDOWS ? "node.exe" : "node");
  if (!existsSync(path)) return undefined;
  if (realpathSync(path) === realpathSync(process.execPath)) return runsSource(process.version) ? path : undefined;
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  return status === 0 && runsSource(stdout.trim()) ? path : undefined;
}

/**
 * The Node to run the project with. Not the one on the PATH: a shell that ran `node` before the setup put a newer one
 * in place goes on using the old one.
 */
export function projectNode() {
  if (runsSource(process.version)) return process.execPath;
  return localNode() ?? stop(`This is Node ${process.version}, and Baton's sources need 22.18 or newer. Run: node scripts/setup.mjs`);
}

/** The environment for commands of the project: its own Node and tools come first on the PATH. */
export function projectEnv(more = {}) {
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  return { ...process.env, [name]: [dirname(projectNode()), BIN, process.env[name]].join(delimiter), ...more };
}

/** Runs a command to its end, with our output and no input. Returns its exit status. */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    shell: WINDOWS && command === "npm",
    ...options,
  });
  if (error !== undefined) say(`${command}: ${error.message}`);
  return status ?? (signal === null ? 1 : 128);
}

/** Whether a command can be started and ends well. */
export function succeeds(command, args) {
  return spawnSync(command, args, { stdio: "ignore", shell: WINDOWS && command === "npm" }).status === 0;
}

/** Says what is being done. On stderr, so that stdout stays with the command that follows. */
export function say(text) {
  process.stderr.write(`baton: ${text.replaceAll("\n", "\n       ")}\n`);
}

/** Says what is wrong and how to mend it, and ends. */
export function stop(text) {
  say(text);
  process.exit(1);
}
