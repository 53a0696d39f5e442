import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { type Baton, connect } from "../../src/index.ts";
import { within } from "../support/until.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
/** Where processes keep what they compiled, so that each but the first starts in half the time. */
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/baton-tests", import.meta.url));
/** Processes start slowly on a machine that is busy with other tests. */
const DEADLINE_MS = 20_000;

/** How a run of the command line ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What is on stdin; default nothing. `null`: nothing yet, the test writes to `child.stdin`. */
  readonly input?: string | Uint8Array | null;
  readonly env?: NodeJS.ProcessEnv;
  /** The user to run as; only root can choose. */
  readonly uid?: number;
}

const running = new Set<ChildProcessWithoutNullStreams>();
// A test that failed may have left its process running, which would keep this file's process from ending.
after(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** A `baton` that runs. */
export class Cli {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<Ended>;
  #stdout = "";
  #stderr = "";
  #heard: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(args: readonly string[], { input = "", env = {}, uid }: RunOptions = {}) {
    const { BATON_STORE: _store, DEBUG: _debug, NODE_TEST_CONTEXT: _context, ...clean } = process.env;
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...clean, NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#hear();
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#hear();
    });
    this.child.stdin.on("error", () => {});
    if (input !== null) this.child.stdin.end(input);
    running.add(this.child);
    this.#ended = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        running.delete(this.child);
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  /** Resolves with the match once stderr has it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const match = async (): Promise<RegExpExecArray> => {
      for (;;) {
        const found = pattern.exec(this.#stderr);
        if (found !== null) return found;
        await Promise.race([
          this.#heard.promise,
          this.#ended.then(({ code }) => {
            if (!pattern.test(this.#stderr)) throw new Error(`It ended with ${code} and never said ${pattern}:\n${this.#stderr}`);
          }),
        ]);
      }
    };
    return within(match(), `stderr has ${pattern}; it has:\n${this.#stderr}`, DEADLINE_MS);
  }

  async ended(): Promise<Ended> {
    return within(this.#ended, `it ended; it said:\n${this.#stderr}`, DEADLINE_MS);
  }

  #hear(): void {
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  }
}

/** Runs a command line to its end. */
export function run(args: readonly string[], options?: RunOptions): Promise<Ended> {
  return new Cli(args, options).ended();
}

/** Uses the store behind the command line's back. */
export async function look<T>(store: string, use: (baton: Baton) => Promise<T>): Promise<T> {
  await using baton = await connect(store);
  return await use(baton);
}

/** The objects in lines of JSON. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
