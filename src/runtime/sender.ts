import { ClosedError } from "../core/errors.ts";
import { MAX_BATCH, type NewMessage, type Store } from "../store/store.ts";
import { endOfTick } from "./tick.ts";

/** Calls in flight at once. Above it sends gather, so that the busier the store, the larger the batches. */
const MAX_IN_FLIGHT = 4;
/** Characters of bodies one call carries; a call of one message may be larger. */
const MAX_CALL_CHARS = 4 * 1024 * 1024;

interface Pending {
  readonly message: NewMessage;
  readonly resolve: (id: string) => void;
  readonly reject: (error: unknown) => void;
}

/** Stores one queue's messages. All sends of a tick share a call, and calls leave in the order of the sends. */
export class Sender {
  readonly #store: Store;
  readonly #queue: string;
  #pending: Pending[] = [];
  #inFlight = 0;
  #planned = false;
  #idle: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(store: Store, queue: string) {
    this.#store = store;
    this.#queue = queue;
  }

  /**
   * Resolves with the message's id once it is stored.
   *
   * @throws whatever the store throws; of messages that shared a call, all get the same error.
   */
  send(message: NewMessage): Promise<string> {
    if (this.#closed) return Promise.reject(new ClosedError(`Queue "${this.#queue}" was closed; nothing was sent.`));
    return new Promise((resolve, reject) => {
      this.#pending.push({ message, resolve, reject });
      this.#plan();
    });
  }

  /** Refuses further sends, and resolves when all earlier ones have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#pending.length > 0 || this.#inFlight > 0) {
      this.#idle ??= Promise.withResolvers();
      await this.#idle.promise;
    }
  }

  #plan(): void {
    if (this.#planned || this.#inFlight >= MAX_IN_FLIGHT) return;
    this.#planned = true;
    endOfTick(() => {
      this.#planned = false;
      while (this.#pending.length > 0 && this.#inFlight < MAX_IN_FLIGHT) void this.#call(this.#take());
    });
  }

  /** The next call's messages: as many as fit, at least one. */
  #take(): Pending[] {
    let chars = 0;
    let count = 0;
    for (const { message } of this.#pending) {
      chars += message.body.data.length;
      if (count === MAX_BATCH || (count > 0 && chars > MAX_CALL_CHARS)) break;
      count += 1;
    }
    if (count === this.#pending.length) {
      const all = this.#pending;
      this.#pending = [];
      return all;
    }
    return this.#pending.splice(0, count);
  }

  async #call(batch: readonly Pending[]): Promise<void> {
    this.#inFlight += 1;
    try {
      const ids = await this.#store.send(
        this.#queue,
        batch.map(({ message }) => message),
      );
      batch.forEach(({ resolve }, i) => resolve(ids[i] ?? ""));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#inFlight -= 1;
      if (this.#pending.length > 0) this.#plan();
      else if (this.#inFlight === 0) {
        this.#idle?.resolve();
        this.#idle = undefined;
      }
    }
  }
}
