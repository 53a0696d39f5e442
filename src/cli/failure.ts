import { inspect, stripVTControlCharacters } from "node:util";
import { CommanderError } from "commander";
import { BatonError, LeaseLostError, StoreError, UsageError } from "../index.ts";
import { CliError, EXIT } from "./exit.ts";

/** An error as the user gets it: one line, a code to search for, and the exit code. */
export interface Failure {
  readonly message: string;
  readonly code: string;
  readonly exit: number;
}

/** Says what an error means to whoever typed the command. */
export function toFailure(error: unknown): Failure {
  if (error instanceof CliError) return { message: oneLine(error.message), code: error.code, exit: error.exit };
  if (error instanceof CommanderError) {
    return { message: oneLine(error.message.replace(/^error: /, "")), code: "BATON_CLI_USAGE", exit: EXIT.usage };
  }
  if (error instanceof BatonError) return { message: oneLine(error.message), code: error.code, exit: exitOf(error) };
  if (isSystemError(error)) return { message: oneLine(error.message.replace(`${error.code}: `, "")), code: error.code, exit: EXIT.usage };
  return { message: oneLine(error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)), code: "BATON_CLI_BUG", exit: EXIT.bug };
}

/** Writes the failure to stderr; with the stack, and what caused it, only if asked. */
export function reportFailure(error: unknown, options: { readonly json: boolean; readonly verbose: boolean }): Failure {
  const failure = toFailure(error);
  const { message, code, exit } = failure;
  process.stderr.write(options.json ? `${JSON.stringify({ error: { code, message, exit } })}\n` : `baton: ${message} [${code}]\n`);
  if (options.verbose) process.stderr.write(`${inspect(error)}\n`);
  return failure;
}

function exitOf(error: BatonError): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof StoreError) return EXIT.store;
  return error instanceof LeaseLostError ? EXIT.found : EXIT.bug;
}

/** A file that can't be opened, a directory where a file should be, and the like: wrong arguments, all of them. */
function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}

/** Errors quote what they were given, and a terminal would obey the control characters in it. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/\s*\n\s*/g, " ").trim();
}
