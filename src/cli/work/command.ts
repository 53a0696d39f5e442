import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "../../index.ts";
import { bodyBytes } from "../body.ts";
import { stderrRoom } from "../output.ts";
import { Group } from "./group.ts";

/** How a command ended. */
export interface CommandEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Linux takes no longer entry in the environment: `NAME=value` and a NUL. */
const LONGEST_ENTRY = 128 * 1024;
/** After a command has ended, its pipes may be held open by what it left in the background; silence this long ends them. */
const LINGER_MS = 250;

/** One run of a shell command, for one message. */
export class CommandRun {
  readonly group: Group;
  readonly #child: ChildProcess;
  readonly #ended: Promise<CommandEnd>;

  private constructor(child: ChildProcess, ended: Promise<CommandEnd>) {
    this.#child = child;
    this.#ended = ended;
    this.group = new Group(child);
  }

  /**
   * Starts the command.
   * @throws if the system can't start a process now. That is no fault of the message.
   */
  static async start(command: string, message: Message, env: NodeJS.ProcessEnv): Promise<CommandRun> {
    const body = bodyBytes(message.body);
    const variables: NodeJS.ProcessEnv = { ...env, BATON_ID: message.id, BATON_QUEUE: message.queue, BATON_ATTEMPT: String(message.attempt) };
    // A worker inside a worker's command must not pass on the outer one's body.
    delete variables["BATON_BODY"];
    const text = variableFor(message.body);
    try {
      return await CommandRun.#spawn(command, body, text === undefined ? variables : { ...variables, BATON_BODY: text });
    } catch (error) {
      // The environment as a whole is too long; stdin still has the body.
      if (!isTooBig(error) || text === undefined) throw error;
      return CommandRun.#spawn(command, body, variables);
    }
  }

  static async #spawn(command: string, body: Uint8Array, env: NodeJS.ProcessEnv): Promise<CommandRun> {
    const child = spawn(command, { shell: true, detached: process.platform !== "win32", stdio: "pipe", env, windowsHide: true });
    const { promise: ended, resolve } = Promise.withResolvers<CommandEnd>();
    child.once("exit", (code, signal) => resolve({ code, signal }));
    await new Promise<void>((started, failed) => {
      child.once("spawn", started);
      child.once("error", failed);
    });
    // A command need not read its stdin.
    child.stdin.on("error", () => {});
    child.stdin.end(body);
    return new CommandRun(child, ended);
  }

  /**
   * Resolves when the command has ended and what it printed was passed on.
   *
   * @param isBlocked whether passing on is held up, so that silence means nothing.
   */
  async run(onStdout: (chunk: Uint8Array) => Promise<void>, onStderr: (chunk: Uint8Array) => void, isBlocked: () => boolean): Promise<CommandEnd> {
    const { stdout, stderr } = this.#child;
    let heard = 0;
    const relayed = Promise.all([
      relay(stdout, async (chunk) => {
        heard += 1;
        await onStdout(chunk);
      }),
      relay(stderr, async (chunk) => {
        heard += 1;
        onStderr(chunk);
        await stderrRoom();
      }),
    ]);
    // Handled here already: it may fail while the command still runs.
    relayed.catch(() => void this.group.end());
    try {
      const end = await this.#ended;
      for (let before = -1; before !== heard || isBlocked(); ) {
        before = heard;
        const done = await Promise.race([relayed.then(() => true), sleep(LINGER_MS, false)]);
        if (done) break;
      }
      stdout?.destroy();
      stderr?.destroy();
      await relayed;
      return end;
    } finally {
      await this.group.over();
    }
  }
}

async function relay(stream: Readable | null, pass: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  if (stream === null) return;
  try {
    for await (const chunk of stream) await pass(chunk as Uint8Array);
  } catch (error) {
    if (!isPrematureClose(error)) throw error;
  }
}

/** The body for `$BATON_BODY`, or undefined if the environment can't hold it. */
function variableFor(body: unknown): string | undefined {
  const text = body instanceof Uint8Array ? undefined : typeof body === "string" ? body : (JSON.stringify(body) ?? "null");
  if (text === undefined || text.includes("\0")) return undefined;
  return Buffer.byteLength(text) + "BATON_BODY=\0".length > LONGEST_ENTRY ? undefined : text;
}

function isTooBig(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "E2BIG";
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}
