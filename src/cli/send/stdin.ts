import { fstatSync, type Stats } from "node:fs";
import { CliError, EXIT } from "../exit.ts";

/**
 * The size of stdin in bytes, if it is a file.
 *
 * @throws CliError if it is a directory, which would read as if it were empty.
 */
export function stdinSize(): number | undefined {
  let stat: Stats;
  try {
    stat = fstatSync(0);
  } catch {
    return undefined;
  }
  if (stat.isDirectory()) throw new CliError("BATON_CLI_INPUT", EXIT.usage, "stdin is a directory; give a file.");
  return stat.isFile() ? stat.size : undefined;
}
