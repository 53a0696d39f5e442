import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { CliError, EXIT } from "../exit.ts";

/** Lines that arrived together. */
export interface Lines {
  readonly lines: readonly string[];
  /** The number of the first, from 1. */
  readonly first: number;
  /** Bytes of the input so far. */
  readonly bytes: number;
}

const LF = 10;

/**
 * The lines of a stream as they come, without `\n` or `\r\n`; the last may lack its end. Holds one line and one chunk in memory.
 *
 * @param longest bytes a line may have. Without a bound, input that is not lines at all would fill the memory.
 * @param signal ends it: lines that came whole are still yielded, the rest of a line is not, for nobody knows if it is all of it.
 * @throws CliError `BATON_CLI_INPUT` for a line that is too long or not UTF-8; all lines before it are yielded first.
 */
export async function* readLines(stream: Readable, longest: number, signal: AbortSignal): AsyncGenerator<Lines, void, void> {
  let parts: Buffer[] = [];
  let partial = 0;
  let first = 1;
  let bytes = 0;
  for await (const chunk of chunksUntil(stream, signal)) {
    bytes += chunk.length;
    const end = chunk.lastIndexOf(LF) + 1;
    if (end > 0) {
      const whole = Buffer.concat([...parts, chunk.subarray(0, end)]);
      parts = [];
      partial = 0;
      const lines = yield* decoded(whole, first, bytes);
      first += lines;
    }
    parts.push(chunk.subarray(end));
    partial += chunk.length - end;
    if (partial > longest) throw new CliError("BATON_CLI_INPUT", EXIT.usage, `Line ${first} has more than ${longest} bytes. Send large data with --file, or send where it is.`);
  }
  if (partial > 0 && !signal.aborted) yield* decoded(Buffer.concat(parts), first, bytes);
}

/** Yields the lines up to the first that is not UTF-8: bytes read as text would be lost. Returns how many there were. */
function* decoded(whole: Buffer, first: number, bytes: number): Generator<Lines, number, void> {
  if (isUtf8(whole)) {
    const lines = split(whole);
    yield { lines, first, bytes };
    return lines.length;
  }
  let good = 0;
  for (let end = whole.indexOf(LF); end !== -1 && isUtf8(whole.subarray(good, end)); end = whole.indexOf(LF, good)) good = end + 1;
  const lines = good === 0 ? [] : split(whole.subarray(0, good));
  if (lines.length > 0) yield { lines, first, bytes };
  throw new CliError("BATON_CLI_INPUT", EXIT.usage, `Line ${first + lines.length} is not UTF-8 text. Convert the input (iconv -t utf-8), or send bytes with --file.`);
}

function split(whole: Buffer): string[] {
  const lines = whole.toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
}

/** The stream's chunks, until it ends or the signal aborts. */
async function* chunksUntil(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer, void, void> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener("abort", stop);
  try {
    if (!signal.aborted) for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
