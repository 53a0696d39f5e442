import { constants } from "node:os";

/** What the process's exit code says. `docs/cli.md` lists the same. */
export const EXIT = {
  /** Done. */
  done: 0,
  /** The command ran and found something wrong, or nothing. */
  found: 1,
  /** The command, or what it was given, can't be used. */
  usage: 2,
  /** The store could not be reached, or failed. */
  store: 3,
  /** A fault in Baton. */
  bug: 70,
} as const;

/** The exit code of a process that a signal ended, as shells count it. */
export function signalExit(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Ends the command with an exit code and without a word: what there was to say was said. */
export class Quit extends Error {
  override readonly name: string = "Quit";
  readonly exit: number;

  constructor(exit: number) {
    super(`exit ${exit}`);
    this.exit = exit;
  }
}

/** Whoever reads our output went away. The command ends as `cat` would: without a word, like one ended by SIGPIPE. */
export class BrokenPipe extends Quit {
  override readonly name: string = "BrokenPipe";

  constructor() {
    super(signalExit("SIGPIPE"));
  }
}

/** The codes of errors that only the CLI has. `docs/cli.md` lists the same. */
export type CliCode = "BATON_CLI_USAGE" | "BATON_CLI_INPUT" | "BATON_CLI_NOT_FOUND";

/** Something the CLI itself found wrong. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly code: CliCode;
  readonly exit: number;

  constructor(code: CliCode, exit: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.exit = exit;
  }
}

/** Whatever was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
