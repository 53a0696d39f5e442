import { type Command, InvalidArgumentError, Option } from "commander";
import ms from "ms";

/** What every command takes. */
export interface GlobalOptions {
  readonly store?: string;
  readonly connectTimeout?: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Adds the options that every command takes, before or after the command's name. */
export function addGlobalOptions(program: Command): Command {
  return program
    .addOption(new Option("--store <url>", "where the messages are (default: $BATON_STORE, else sqlite:.baton/baton.db)"))
    .addOption(new Option("--connect-timeout <duration>", "how long the first connect may take (default: 5s)").argParser(duration))
    .addOption(new Option("--json", "print JSON instead of text, also for errors; each command's help says which"))
    .addOption(new Option("--verbose", "print stacks with errors (DEBUG=baton does, too), and say when the store is connected"));
}

/** Reads a duration as the library does: `30s`, `5m`, or milliseconds. Here too, so that the error names the option. */
export function duration(text: string): number {
  const parsed = text.trim() === "" || text.length > 100 ? undefined : (ms(text.trim() as ms.StringValue) as number | undefined);
  if (parsed === undefined || !Number.isFinite(parsed) || parsed < 0) {
    throw new InvalidArgumentError('Give a duration such as "500ms", "30s", "5m" or "2h"; a bare number is milliseconds.');
  }
  return Math.round(parsed);
}

/** Reads a whole number from `least` up. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const bounds = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`Give a whole number ${bounds}.`);
  };
}

/** Adds the end of a command's help: examples, each with what it does, and notes. */
export function addExamples(command: Command, examples: readonly (readonly [line: string, does: string])[], notes: readonly string[] = []): Command {
  const lines = examples.map(([line, does]) => `  # ${does}\n  $ ${line}`);
  return command.addHelpText("after", `\n${["Examples:", ...lines].join("\n")}${notes.length === 0 ? "" : `\n\n${notes.join("\n")}`}`);
}
