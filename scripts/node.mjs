#!/usr/bin/env node
/*
 * Runs a file under the project's Node:
 *
 *     node scripts/node.mjs src/cli/main.ts demo
 *
 * `node setup.mjs && node main.ts` would not do on a fresh checkout: the shell remembers where it found the first `node`.
 */
import { spawn } from "node:child_process";
import { projectEnv, projectNode } from "./lib/project.mjs";

const child = spawn(projectNode(), process.argv.slice(2), { stdio: "inherit", env: projectEnv() });
// A terminal sends these to both of us; the child decides when to end. SIGTERM comes to us alone.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
