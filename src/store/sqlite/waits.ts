import type { Clock } from "../../core/clock.ts";
import { ClosedError } from "../../core/errors.ts";

interface Wait {
  readonly end: () => void;
  readonly fail: (reason: unknown) => void;
}

/** The waits of this process, first come first served for each queue. */
export class Waits {
  readonly #clock: Clock;
  readonly #onFirst: () => void;
  readonly #onLast: () => void;
  readonly #waits = new Map<string, Set<Wait>>();

  /**
   * @param onFirst called when somebody begins to wait while nobody did.
   * @param onLast called when nobody waits any more.
   */
  constructor(clock: Clock, onFirst: () => void, onLast: () => void) {
    this.#clock = clock;
    this.#onFirst = onFirst;
    this.#onLast = onLast;
  }

  /** Waits until `wake` ends it, the timeout passes (resolves), or the signal aborts (rejects). */
  add(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancelTimer();
        signal.removeEventListener("abort", onAbort);
        this.#remove(queue, wait);
      };
      const wait: Wait = {
        end: () => {
          leave();
          resolve();
        },
        fail: (reason) => {
          leave();
          reject(reason);
        },
      };
      const onAbort = (): void => wait.fail(signal.reason);
      const cancelTimer = this.#clock.after(timeout, wait.end);
      signal.addEventListener("abort", onAbort);
      this.#insert(queue, wait);
    });
  }

  /** Ends up to `count` waits of a queue. Returns how many it ended. */
  wake(queue: string, count: number): number {
    let ended = 0;
    for (const wait of this.#waits.get(queue) ?? []) {
      if (ended >= count) break;
      wait.end();
      ended += 1;
    }
    return ended;
  }

  /** The queues waited for, and by how many. */
  waited(): { queues: string[]; limits: number[] } {
    return { queues: [...this.#waits.keys()], limits: [...this.#waits.values()].map((waits) => waits.size) };
  }

  /** Ends all waits: something may have been missed. */
  wakeAll(): void {
    for (const waits of [...this.#waits.values()]) for (const wait of [...waits]) wait.end();
  }

  /** Rejects all waits. */
  close(): void {
    for (const waits of [...this.#waits.values()]) {
      for (const wait of [...waits]) wait.fail(new ClosedError("The connection was closed while it waited for messages."));
    }
  }

  #insert(queue: string, wait: Wait): void {
    const first = this.#waits.size === 0;
    let waits = this.#waits.get(queue);
    if (waits === undefined) {
      waits = new Set();
      this.#waits.set(queue, waits);
    }
    waits.add(wait);
    if (first) this.#onFirst();
  }

  #remove(queue: string, wait: Wait): void {
    const waits = this.#waits.get(queue);
    if (waits === undefined || !waits.delete(wait)) return;
    if (waits.size === 0) this.#waits.delete(queue);
    if (this.#waits.size === 0) this.#onLast();
  }
}
