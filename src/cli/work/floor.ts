import { print } from "../output.ts";

/** Output of one message that is kept back until the message is done; above it, it is passed on as it comes. */
const KEPT_BYTES = 1024 * 1024;
const LF = 10;

/** Lets the outputs of commands that run at once go out one after the other, each whole. */
export class Floor {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all who asked before have left; with the function by which to leave. */
  async take(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = promise;
    await before;
    return resolve;
  }
}

/**
 * One message's way to stdout. It is kept back until the message is done. If it grows long, it takes the floor and goes out
 * as it comes, while the others wait; so memory is bounded, and outputs never mix.
 */
export class MessageOutput {
  readonly #floor: Floor;
  #kept: Uint8Array[] = [];
  #size = 0;
  #leave: (() => void) | undefined;
  #lastByte: number | undefined;
  /** Whether it waits for others' output, or for whoever reads ours. */
  blocked = false;

  constructor(floor: Floor) {
    this.#floor = floor;
  }

  /** @throws BrokenPipe */
  async write(chunk: Uint8Array): Promise<void> {
    this.#lastByte = chunk.at(-1) ?? this.#lastByte;
    this.#kept.push(chunk);
    this.#size += chunk.length;
    if (this.#leave !== undefined || this.#size > KEPT_BYTES) await this.#pass();
  }

  /** Writes what is left, and leaves the floor. @throws BrokenPipe */
  async end(): Promise<void> {
    try {
      // Without an end of line the next message's output would go on in the same line.
      if (this.#lastByte !== undefined && this.#lastByte !== LF) this.#kept.push(Uint8Array.of(LF));
      await this.#pass();
    } finally {
      this.discard();
    }
  }

  /** Forgets what is kept back, and leaves the floor. */
  discard(): void {
    this.#kept = [];
    this.#leave?.();
    this.#leave = undefined;
  }

  async #pass(): Promise<void> {
    if (this.#kept.length === 0) return;
    this.blocked = true;
    this.#leave ??= await this.#floor.take();
    const kept = Buffer.concat(this.#kept);
    this.#kept = [];
    await print(kept);
    this.blocked = false;
  }
}
