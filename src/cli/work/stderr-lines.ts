import { StringDecoder } from "node:string_decoder";

/** Characters of a command's stderr that are kept for the message's error. */
const TAIL_CHARS = 1500;
/** A line longer than this is passed on in pieces. */
const LONGEST_LINE = 64 * 1024;

/** One command's stderr: passed on to ours in whole lines, its end kept. */
export class StderrLines {
  readonly #decoder = new StringDecoder("utf8");
  #partial = "";
  #tail = "";

  write(chunk: Uint8Array): void {
    const text = this.#decoder.write(chunk);
    this.#tail = (this.#tail + text).slice(-TAIL_CHARS);
    this.#partial += text;
    const end = this.#partial.length > LONGEST_LINE ? this.#partial.length : this.#partial.lastIndexOf("\n") + 1;
    if (end > 0) process.stderr.write(this.#partial.slice(0, end));
    this.#partial = this.#partial.slice(end);
  }

  /** Passes on what is left; returns the end of all that was written. */
  end(): string {
    if (this.#partial !== "") process.stderr.write(`${this.#partial}\n`);
    this.#partial = "";
    return this.#tail.toWellFormed().trim();
  }
}
