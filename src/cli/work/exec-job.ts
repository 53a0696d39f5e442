import { setMaxListeners } from "node:events";
import type { Message } from "../../index.ts";
import { BrokenPipe, toError } from "../exit.ts";
import { CommandRun, type CommandEnd } from "./command.ts";
import { Floor, MessageOutput } from "./floor.ts";
import { KILL_AFTER_MS } from "./group.ts";
import type { Job } from "./job.ts";
import { StderrLines } from "./stderr-lines.ts";
import { JsonOutput } from "./json-output.ts";

export interface ExecOptions {
  readonly command: string;
  /** Milliseconds a command may take. */
  readonly timeout: number | undefined;
  /** Keep what commands print for `outcome`, instead of printing it. */
  readonly json: boolean;
  /** The environment of commands, apart from the message's own variables. */
  readonly env: NodeJS.ProcessEnv;
  /** A message was handed back, because its command was ended or could not be started (then with the reason). */
  onHandedBack(message: Message, problem: Error | undefined): void;
}

/** How long a message rests whose command could not be started. */
const START_AGAIN_MS = 1000;

/** A command that failed. What is stored of it is for people: no stack of ours. */
class CommandError extends Error {
  override readonly name: string = "CommandError";

  constructor(message: string) {
    super(message);
    this.stack = "";
  }
}

/** Ended because the worker stops; says what to do with the message. */
class HandBack extends Error {}

/**
 * Runs a shell command for each message. The message is settled only when its command, and all that it started, has ended:
 * so two runs of one message never overlap, unless its lease was lost.
 */
export class ExecJob implements Job {
  readonly endTakes: number = KILL_AFTER_MS + 1000;
  readonly #options: ExecOptions;
  readonly #floor = new Floor();
  readonly #ending = new AbortController();
  readonly #outcomes = new WeakMap<Message, Readonly<Record<string, unknown>>>();

  constructor(options: ExecOptions) {
    this.#options = options;
    // One listener for each command that runs.
    setMaxListeners(0, this.#ending.signal);
  }

  end(): void {
    this.#ending.abort(new HandBack("The worker stopped."));
  }

  outcome(message: Message): Readonly<Record<string, unknown>> {
    return this.#outcomes.get(message) ?? {};
  }

  readonly handler = async (message: Message): Promise<void> => {
    let command: CommandRun;
    try {
      command = await CommandRun.start(this.#options.command, message, this.#options.env);
    } catch (error) {
      // Out of processes, files or memory: nothing the message could help. It burns no attempt.
      await message.release({ delay: START_AGAIN_MS });
      this.#options.onHandedBack(message, toError(error));
      throw error;
    }
    try {
      await this.#follow(message, command);
    } catch (error) {
      if (error instanceof HandBack || error instanceof BrokenPipe) {
        await message.release();
        this.#options.onHandedBack(message, undefined);
      }
      throw error;
    }
  };

  /** Waits for the command's end, or brings it about. @throws why the message is not done. */
  async #follow(message: Message, command: CommandRun): Promise<void> {
    const { timeout, json } = this.#options;
    const output = json ? new JsonOutput() : new MessageOutput(this.#floor);
    const stderr = new StderrLines();
    let cut: Error | undefined;
    const end = (reason: unknown): void => {
      cut ??= toError(reason);
      void command.group.end();
    };
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => end(new CommandError(`The command ran longer than its timeout of ${timeout} ms and was ended.`)), timeout);
    const stopWatching = [onAbort(message.signal, end), onAbort(this.#ending.signal, end)];
    try {
      const result = await command.run(
        (chunk) => output.write(chunk),
        (chunk) => stderr.write(chunk),
        () => output.blocked,
      );
      const tail = stderr.end();
      // What was cut short says nothing of the message; after a timeout it may say why.
      if (cut !== undefined && !(cut instanceof CommandError)) throw cut;
      await output.end();
      if (output instanceof JsonOutput) this.#outcomes.set(message, { exit: result.code, signal: result.signal, ...output.fields() });
      if (cut instanceof CommandError) throw new CommandError(withTail(cut.message, tail));
      if (result.code !== 0) throw new CommandError(withTail(describeEnd(result), tail));
    } finally {
      clearTimeout(timer);
      for (const stop of stopWatching) stop();
      output.discard();
    }
  }
}

function describeEnd({ code, signal }: CommandEnd): string {
  return signal === null ? `The command ended with exit code ${code}.` : `The command was ended by ${signal}.`;
}

function withTail(text: string, tail: string): string {
  return tail === "" ? text : `${text} It said: ${tail}`;
}

/** Calls `then` with the reason when the signal aborts, or at once if it has. Returns a function that stops it. */
function onAbort(signal: AbortSignal, then: (reason: unknown) => void): () => void {
  const listener = (): void => then(signal.reason);
  if (signal.aborted) listener();
  signal.addEventListener("abort", listener);
  return () => signal.removeEventListener("abort", listener);
}
