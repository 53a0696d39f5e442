import { StoreError } from "../../core/errors.ts";
import type { Calls } from "./calls.ts";
import { registryKey } from "./keys.ts";

/**
 * The names of all queues. They live in another slot than the queues, so no script can note them: a process does, once for
 * each queue it uses. Nothing waits for it, and its failure (memory is full, a foreign key) is no queue's failure.
 */
export class Registry {
  readonly #calls: Calls;
  readonly #key: string;
  readonly #noted = new Map<string, Promise<void>>();

  constructor(calls: Calls, prefix: string) {
    this.#calls = calls;
    this.#key = registryKey(prefix);
  }

  /** Notes a queue's name. Sent before whatever is called next. */
  note(queue: string): void {
    if (this.#noted.has(queue)) return;
    const noting = this.#calls.command(["SADD", this.#key, queue], this.#key, "repeatable", `noting the queue "${queue}"`).then(
      () => {},
      (error: unknown) => {
        // When there is room again it may succeed; what is foreign stays so until it is mended and the process reconnects.
        const passes = !(error instanceof StoreError) || error.code === "BATON_STORE_FULL";
        if (passes && this.#noted.get(queue) === noting) this.#noted.delete(queue);
      },
    );
    this.#noted.set(queue, noting);
  }

  /** All names, sorted. */
  async names(): Promise<readonly string[]> {
    await Promise.all(this.#noted.values());
    const names = await this.#calls.command(["SMEMBERS", this.#key], this.#key, "repeatable", "listing the queues");
    // RESP3 has a type for sets.
    return [...(names instanceof Set ? names : Array.isArray(names) ? names : [])].map(String).toSorted();
  }

  /** The store may have been emptied or rolled back: note all names anew when they are next used. */
  forget(): void {
    this.#noted.clear();
  }
}
