import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { connect, type Queue, UsageError } from "../../index.ts";
import { type Chunk, chunkSizeFor, cut, digest, findFiles } from "./chunks.ts";
import { readLog } from "./event-log.ts";
import { judge, type Verdict } from "./judge.ts";

export interface DemoOptions {
  /** Default: a SQLite file that is removed at the end. */
  readonly store: string | undefined;
  readonly folder: string;
  /** Told what happens, a line each. */
  readonly say: (line: string) => void;
}

const QUEUE = "demo";
const WORKERS = 4;
const VICTIM = 1;
/** The message at which the victim is killed. */
const HOLD_AT = 40;
const LEASE_MS = 2000;
const PROBES = 200;
const LOOK_MS = 20;

/** Runs the demo; see `baton demo --help`. */
export async function runDemo({ store, folder, say }: DemoOptions): Promise<Verdict> {
  const root = resolve(folder);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError("BATON_OPTION_INVALID", `The demo's folder ${JSON.stringify(folder)} is not a folder; give one with files in it.`);
  }
  const files = findFiles(root);
  const expected = Array.from(cut(root, files, chunkSizeFor(files)), digest);
  if (expected.length < 2) throw new UsageError("BATON_OPTION_INVALID", `The demo's folder ${JSON.stringify(folder)} has no files to send; give one that has some.`);

  const directory = mkdtempSync(join(tmpdir(), "baton-demo-"));
  const url = store ?? `sqlite:${join(directory, "demo.db")}`;
  const children: ChildProcess[] = [];
  try {
    await using baton = await connect(url);
    const queue = baton.queue<Chunk>(QUEUE);
    await clear(queue, say);
    say(`${expected.length} chunks of ${files.length} files; one producer, ${WORKERS} workers, each a process; store ${(await baton.inspect()).location}`);

    const log = (name: string): string => join(directory, `${name}.ndjson`);
    const workers = Array.from({ length: WORKERS }, (_, i) =>
      start("worker", [url, QUEUE, log(`worker-${i}`), String(LEASE_MS), i === VICTIM ? String(HOLD_AT) : "0"]),
    );
    children.push(...workers);
    await Promise.all(workers.map((worker) => says(worker, "ready")));
    const producer = start("producer", [url, QUEUE, root, log("producer"), String(PROBES)]);
    children.push(producer);

    const sent = says(producer, "sent");
    const allHandled = sent.then(() => {
      say("all chunks are sent");
      return drained(queue);
    });
    const victim = workers[VICTIM];
    // The victim holds on to a message until it is killed, so all can be handled before only if it never got that far.
    if (victim !== undefined && (await Promise.race([says(victim, "holding").then(() => true), allHandled.then(() => false)]))) {
      victim.kill("SIGKILL");
      await once(victim, "exit");
      say(`worker ${VICTIM + 1} was killed with SIGKILL while it was handling; its messages come back when their lease of ${LEASE_MS / 1000} s is over`);
    } else say("nobody was killed: there was too little to do for worker 2 to be caught at it");
    await allHandled;
    say(`all is handled; now ${PROBES} messages one at a time, for the pick-up latency`);
    producer.send("probe");
    await says(producer, "probed");
    await drained(queue);
    await Promise.all(
      workers.map(async (worker) => {
        if (worker.signalCode !== null) return;
        const exited = once(worker, "exit");
        worker.send("stop");
        await exited;
      }),
    );
    return judge(readLog(log("producer")), workers.map((_, i) => readLog(log(`worker-${i}`))), expected);
  } finally {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Starts `<name>.ts`, or `<name>.js` once built. */
function start(name: string, args: readonly string[]): ChildProcess {
  return fork(join(import.meta.dirname, name + extname(import.meta.filename)), args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Resolves when the process says `word`. */
async function says(child: ChildProcess, word: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onMessage = (message: unknown): void => {
    if (message === word) resolve();
  };
  const onExit = (code: number | null, signal: string | null): void =>
    reject(new Error(`A process of the demo ended (${signal ?? `exit code ${code}`}) before it said "${word}".`));
  child.on("message", onMessage);
  child.once("exit", onExit);
  try {
    await promise;
  } finally {
    child.off("message", onMessage);
    child.off("exit", onExit);
  }
}

async function drained(queue: Queue<Chunk>): Promise<void> {
  for (;;) {
    const { ready, delayed, active } = await queue.counts();
    if (ready + delayed + active === 0) return;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

/** Removes what a demo that was interrupted left behind. */
async function clear(queue: Queue<Chunk>, say: (line: string) => void): Promise<void> {
  let removed = 0;
  for (;;) {
    const messages = await queue.receive({ max: 1000 });
    if (messages.length === 0) break;
    await Promise.all(messages.map((message) => message.ack()));
    removed += messages.length;
  }
  if (removed > 0) say(`removed ${removed} messages that an interrupted demo left in queue "${QUEUE}"`);
}
