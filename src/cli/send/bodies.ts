import { CliError, EXIT } from "../exit.ts";
import type { SizedBody } from "./batcher.ts";
import type { Lines } from "./lines.ts";

/** How input becomes bodies. */
export interface BodyRules {
  /** Each line is JSON, not text. */
  readonly ndjson: boolean;
  /** The largest body, in bytes once encoded. */
  readonly maxBody: number;
}

/** A UTF-16 unit takes at most this many bytes as JSON: `\u0000`. */
const MOST_BYTES_A_CHARACTER = 6;

/**
 * The bodies in some lines; empty lines are skipped. A line that can't be one ends it: `error` says why, and `bodies` has
 * those before it.
 */
export function toBodies({ lines, first }: Lines, rules: BodyRules): { readonly bodies: readonly SizedBody[]; readonly error: CliError | undefined } {
  const bodies: SizedBody[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === "" || (rules.ndjson && line.trim() === "")) continue;
    try {
      bodies.push({ body: toBody(line, rules, `Line ${first + i}`), size: line.length });
    } catch (error) {
      if (error instanceof CliError) return { bodies, error };
      throw error;
    }
  }
  return { bodies, error: undefined };
}

/** @throws CliError `BATON_CLI_INPUT` */
export function toBody(text: string, { ndjson, maxBody }: BodyRules, where: string): unknown {
  const body = ndjson ? parse(text, where) : text;
  // Checked here, and not by the library alone, because here the line has a number.
  if (text.length * MOST_BYTES_A_CHARACTER + 2 > maxBody) {
    const bytes = Buffer.byteLength(JSON.stringify(body));
    if (bytes > maxBody) {
      throw new CliError("BATON_CLI_INPUT", EXIT.usage, `${where} is ${bytes} bytes as a body; the limit is ${maxBody}. Send where large data is, or raise --max-body.`);
    }
  }
  return body;
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError("BATON_CLI_INPUT", EXIT.usage, `${where} is not JSON: ${why}.`, { cause });
  }
}
