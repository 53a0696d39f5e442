import { isUtf8 } from "node:buffer";

/** What is kept of one command's stdout for its line of JSON, in bytes; the rest is left out, and said to be. */
const KEPT_BYTES = 1024 * 1024;

/** One command's stdout, kept to become a field of JSON. */
export class JsonOutput {
  #kept: Uint8Array[] = [];
  #size = 0;
  readonly blocked: boolean = false;

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#size < KEPT_BYTES) this.#kept.push(chunk.subarray(0, KEPT_BYTES - this.#size));
    this.#size += chunk.length;
  }

  async end(): Promise<void> {}

  discard(): void {
    this.#kept = [];
  }

  /** `stdout`, or `stdoutBase64` if it is not text; `stdoutCut` with the whole length if it was too long. */
  fields(): Readonly<Record<string, unknown>> {
    const bytes = Buffer.concat(this.#kept);
    const cut = this.#size > KEPT_BYTES ? { stdoutCut: this.#size } : {};
    // A character cut in half would make text look like bytes.
    const isText = isUtf8(bytes) || (this.#size > KEPT_BYTES && [1, 2, 3].some((less) => isUtf8(bytes.subarray(0, -less))));
    return { ...(isText ? { stdout: bytes.toString("utf8") } : { stdoutBase64: bytes.toString("base64") }), ...cut };
  }
}
