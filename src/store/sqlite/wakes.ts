/** Which queues got ready messages in a transaction, and how many: each may end one wait. */
export class Wakes {
  readonly #ready = new Map<string, number>();

  /** Notes that messages became ready. */
  cameReady(queue: string, count: number): void {
    if (count > 0) this.#ready.set(queue, (this.#ready.get(queue) ?? 0) + count);
  }

  /** Notes how many are ready after some were handed out: those gone need nobody. */
  left(queue: string, countUpTo: (limit: number) => number): void {
    const came = this.#ready.get(queue);
    if (came !== undefined) this.#ready.set(queue, countUpTo(came));
  }

  clear(): void {
    this.#ready.clear();
  }

  /** Queue and count, in turn. */
  flat(): (string | number)[] {
    return [...this.#ready].filter(([, count]) => count > 0).flat();
  }
}
