import type { Wake } from "./protocol.ts";

/** What happened in a transaction that those who wait should learn of. */
export class Wakes {
  readonly #wakes = new Map<string, { queue: string; ready: number; due: number | undefined }>();

  /** Notes that messages became ready: each may end one wait. */
  cameReady(queue: string, count: number): void {
    if (count > 0) this.#of(queue).ready += count;
  }

  /** Notes that a delayed message is now the first to be due. */
  cameFirst(queue: string, due: number): void {
    const wake = this.#of(queue);
    wake.due = Math.min(wake.due ?? Infinity, due);
  }

  clear(): void {
    this.#wakes.clear();
  }

  all(): Wake[] {
    return [...this.#wakes.values()];
  }

  #of(queue: string): { ready: number; due: number | undefined } {
    let wake = this.#wakes.get(queue);
    if (wake === undefined) {
      wake = { queue, ready: 0, due: undefined };
      this.#wakes.set(queue, wake);
    }
    return wake;
  }
}
