import { type PartitionKeys, partitionKeys } from "./keys.ts";

/** `setTimeout` fires at once above this. Whoever waits that long, 24 days, wakes up for nothing. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;

export interface Waiter {
  readonly wake: () => void;
}

/** One queue that somebody waits for in this process. */
export class Watch {
  readonly queue: string;
  readonly keys: PartitionKeys;
  /** In the order they came; the first is woken first. */
  readonly #waiters = new Set<Waiter>();
  /** Whether the server will tell when a key of this queue changes. */
  armed = false;
  #look: NodeJS.Timeout | undefined;
  #lookAt = Number.POSITIVE_INFINITY;
  #certain = false;

  constructor(prefix: string, queue: string) {
    this.queue = queue;
    this.keys = partitionKeys(prefix, queue);
  }

  get waited(): boolean {
    return this.#waiters.size > 0;
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    if (this.#waiters.size === 0) this.stop();
  }

  wakeOne(): boolean {
    const [first] = this.#waiters;
    first?.wake();
    return first !== undefined;
  }

  wakeAll(): void {
    while (this.wakeOne());
  }

  /**
   * Wakes one waiter after `ms` milliseconds, or earlier if that was planned before.
   *
   * @param certain whether somebody has to look, whatever the others do meanwhile.
   * @param then called when that has come to pass.
   */
  lookIn(ms: number, certain: boolean, then?: () => void): void {
    this.#certain ||= certain;
    const at = performance.now() + ms;
    if (at >= this.#lookAt) return;
    clearTimeout(this.#look);
    this.#lookAt = at;
    this.#look = setTimeout(
      () => {
        this.stop();
        this.wakeOne();
        then?.();
      },
      Math.min(ms, LONGEST_TIMER_MS),
    );
  }

  /** The queue has changed: somebody looked at it, or what was due is not any more. */
  changed(): void {
    if (!this.#certain) this.stop();
  }

  stop(): void {
    clearTimeout(this.#look);
    this.#look = undefined;
    this.#lookAt = Number.POSITIVE_INFINITY;
    this.#certain = false;
  }
}
