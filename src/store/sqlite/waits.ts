import type { Clock } from "../../core/clock.ts";
import { ClosedError } from "../../core/errors.ts";

interface Wait {
  readonly end: () => void;
  readonly fail: (reason: unknown) => void;
}

/** Those who wait for a queue. */
interface Waiting {
  /** First come, first served. */
  readonly waits: Set<Wait>;
  /** When the next wait is to end by itself, in milliseconds since the Unix epoch. */
  alarmAt: number;
  cancelAlarm: () => void;
}

/** The waits of this process. */
export class Waits {
  readonly #clock: Clock;
  readonly #onFirst: () => void;
  readonly #onLast: () => void;
  readonly #queues = new Map<string, Waiting>();

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
    for (const wait of this.#queues.get(queue)?.waits ?? []) {
      if (ended >= count) break;
      wait.end();
      ended += 1;
    }
    return ended;
  }

  /**
   * Ends one wait of a queue when a delayed message is due or a lease runs out, which those who began to wait before
   * may not know of. Ending one at once would do too, but it would only wait again.
   *
   * @param time milliseconds since the Unix epoch.
   * @returns whether anybody waits.
   */
  wakeAt(queue: string, time: number): boolean {
    const waiting = this.#queues.get(queue);
    if (waiting === undefined) return false;
    if (time >= waiting.alarmAt) return true;
    const left = time - this.#clock.now();
    if (left <= 0) return this.wake(queue, 1) > 0;
    waiting.cancelAlarm();
    waiting.alarmAt = time;
    waiting.cancelAlarm = this.#clock.after(left, () => {
      waiting.alarmAt = Infinity;
      this.wake(queue, 1);
    });
    return true;
  }

  /** The queues waited for, and by how many. */
  waited(): { queues: string[]; limits: number[] } {
    const limits = [...this.#queues.values()].map(({ waits }) => waits.size);
    return { queues: [...this.#queues.keys()], limits };
  }

  /** Ends all waits: something may have been missed. */
  wakeAll(): void {
    for (const wait of this.#all()) wait.end();
  }

  /** Rejects all waits. */
  close(): void {
    for (const wait of this.#all()) {
      wait.fail(new ClosedError("The connection was closed while it waited for messages."));
    }
  }

  #all(): Wait[] {
    return [...this.#queues.values()].flatMap(({ waits }) => [...waits]);
  }

  #insert(queue: string, wait: Wait): void {
    const first = this.#queues.size === 0;
    let waiting = this.#queues.get(queue);
    if (waiting === undefined) {
      waiting = { waits: new Set(), alarmAt: Infinity, cancelAlarm: () => {} };
      this.#queues.set(queue, waiting);
    }
    waiting.waits.add(wait);
    if (first) this.#onFirst();
  }

  #remove(queue: string, wait: Wait): void {
    const waiting = this.#queues.get(queue);
    if (waiting === undefined || !waiting.waits.delete(wait)) return;
    if (waiting.waits.size === 0) {
      waiting.cancelAlarm();
      this.#queues.delete(queue);
    }
    if (this.#queues.size === 0) this.#onLast();
  }
}
