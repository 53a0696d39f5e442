#!/usr/bin/env node
/*
 * Runs the tests, then checks that they left nothing behind: no process, and no file in the temp directory, which each
 * run gets for itself. Arguments go to `node --test`; files or globs among them replace all of `test`.
 *
 *     npm test -- test/lint/layers.test.ts
 *     npm test -- --test-name-pattern="leased message"
 *
 * BATON_TEST_FILE_SECONDS (300) is how long one test file may run. Everything else in the environment, BATON_* included,
 * reaches the tests as it is; CONTRIBUTING.md lists what they read.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { current, isMarked, processes } from "./lib/processes.mjs";
import { projectEnv, projectNode, ROOT, say } from "./lib/project.mjs";

/** More than cores: tests mostly wait. */
const CONCURRENCY = 4;
/** Milliseconds one test may run. */
const TEST_TIMEOUT = 60_000;
/** Seconds one file may run: a timer, a socket or a server that a test left open would keep it alive for ever. */
const FILE_SECONDS = Number(process.env.BATON_TEST_FILE_SECONDS ?? 300);
/** Milliseconds a process may take to end after the run. */
const GRACE = 3_000;
/** How often to look for new processes, in milliseconds. */
const WATCH_INTERVAL = 10;
/** How often to look at the old ones again, in milliseconds: they may have moved into the run's temp directory. */
const REVIEW_INTERVAL = 1_000;

/** Options of `node --test` whose value may be the next argument. */
const WITH_VALUE = /^(--test-(concurrency|coverage-\w+|global-setup|isolation|name-pattern|reporter|reporter-destination|rerun-failures|shard|skip-pattern|timeout)|--import|--require|-r|--env-file)$/;

const temp = realpathSync(mkdtempSync(join(tmpdir(), "baton-test-")));
chmodSync(temp, 0o755); // for tests that run a process as another user
const marker = `BATON_TEST_RUN=${randomBytes(8).toString("hex")}`;
/** The run's processes, by pid. */
const ours = new Map();
/** The pids of others. */
const others = new Set();

const child = spawn(projectNode(), commandLine(process.argv.slice(2)), {
  cwd: ROOT,
  stdio: "inherit",
  env: projectEnv({ TMPDIR: temp, TEMP: temp, TMP: temp, BATON_TEST_RUN: marker.split("=")[1] }),
});
let interrupted;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    interrupted = signal;
    child.kill(signal);
  });
}
const watches = [setInterval(look, WATCH_INTERVAL), setInterval(review, REVIEW_INTERVAL)];
child.on("error", (error) => say(error.message));
child.on("close", async (status) => {
  watches.forEach(clearInterval);
  const left = [...(await leftProcesses()), ...leftFiles()];
  rmSync(temp, { recursive: true, force: true, maxRetries: 3 });
  if (left.length > 0) say(`The tests left behind, and this run therefore fails:\n${left.join("\n")}`);
  process.exit(status === 0 && interrupted === undefined && left.length === 0 ? 0 : 1);
});

function commandLine(args) {
  const files = args.filter((arg, i) => !arg.startsWith("-") && !WITH_VALUE.test(args[i - 1] ?? ""));
  const reporter = args.some((arg) => arg.startsWith("--test-reporter")) ? [] : ["--test-reporter=spec"];
  const options = args.filter((arg) => !files.includes(arg));
  const defaults = ["--test", `--test-concurrency=${CONCURRENCY}`, `--test-timeout=${TEST_TIMEOUT}`, ...reporter];
  return [...defaults, ...options, ...(files.length > 0 ? files : ["test/**/*.test.ts"])];
}

/** Notes the run's processes while their parents are there to tell: later nothing may show whose they were. */
function look() {
  for (const one of processes(others)) {
    if (ours.get(one.pid)?.started === one.started) continue;
    if (one.pid === child.pid || ours.has(one.parent) || isMarked(one, marker, temp)) ours.set(one.pid, { ...one, since: Date.now() });
    else others.add(one.pid);
  }
}

/** Forgets who was no part of the run, and ends test files that run too long. */
function review() {
  others.clear();
  for (const one of ours.values()) {
    if (one.parent !== child.pid || one.ended || Date.now() - one.since < FILE_SECONDS * 1000) continue;
    one.ended = true;
    const now = current(one);
    if (now === undefined) continue;
    say(
      `Ended after ${FILE_SECONDS} s: ${now.command}\n` +
        "Its tests may be over; then a timer, a socket, a worker thread or a server that one of them left open kept it alive.",
    );
    kill(one);
  }
}

async function leftProcesses() {
  others.clear();
  look();
  const running = () => [...ours.values()].flatMap((one) => (one.pid === child.pid ? [] : (current(one) ?? [])));
  for (let waited = 0; waited < GRACE && running().length > 0; waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return running().map((one) => {
    kill(one);
    return `process ${one.pid}, killed now: ${one.command}`;
  });
}

function kill(one) {
  try {
    process.kill(one.pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

function leftFiles() {
  return readdirSync(temp)
    .filter((name) => name !== "node-compile-cache")
    .map((name) => `in the temp directory, removed now: ${name}`);
}
