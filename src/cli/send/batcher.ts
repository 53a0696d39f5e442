import { type Queue, SendManyError, type Sent, StoreUnavailableError } from "../../index.ts";
import { toError } from "../exit.ts";

/** What each message of a command is sent with. */
export interface Manner {
  readonly delay?: number;
  readonly priority?: number;
}

/** A body, and about how many characters it has. */
export interface SizedBody {
  readonly body: unknown;
  readonly size: number;
}

/** Messages one call takes at most. */
const BATCH = 1000;
/** Characters of bodies one call takes at most, so that memory does not grow with the size of messages. */
const BATCH_CHARS = 1024 * 1024;
const MAX_IN_FLIGHT = 4;

/**
 * Sends bodies in order, in batches. What is there goes at once; while calls are under way what comes gathers, so that
 * a slow trickle has no delay and a flood large batches.
 */
export class Batcher {
  readonly #queue: Queue;
  readonly #manner: Manner;
  readonly #onSent: (sent: readonly Sent[]) => Promise<void> | void;
  #waiting: SizedBody[] = [];
  #waitingChars = 0;
  #inFlight = 0;
  #inFlightMessages = 0;
  /** Ends when all that was sent so far has been reported, in order. */
  #reported: Promise<void> = Promise.resolve();
  #error: Error | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  /** Messages that are stored. */
  sent = 0;
  /** Messages of which nobody knows: the store went away during their call. */
  unknown = 0;

  constructor(queue: Queue, manner: Manner, onSent: (sent: readonly Sent[]) => Promise<void> | void) {
    this.#queue = queue;
    this.#manner = manner;
    this.#onSent = onSent;
  }

  /**
   * Takes bodies; resolves when there is room for more.
   * @throws what a call before threw.
   */
  async add(bodies: readonly SizedBody[]): Promise<void> {
    for (const body of bodies) {
      this.#waiting.push(body);
      this.#waitingChars += body.size;
    }
    this.#dispatch();
    while (this.#isFull() && this.#error === undefined) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
    if (this.#error !== undefined) throw this.#error;
  }

  /** Bodies that were taken, and are not known to be stored. */
  get pending(): number {
    return this.#waiting.length + this.#inFlightMessages;
  }

  /** Resolves when all are sent. @throws what a call threw. */
  async end(): Promise<void> {
    while (this.#error === undefined && (this.#waiting.length > 0 || this.#inFlight > 0)) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
    await this.#reported;
    if (this.#error !== undefined) throw this.#error;
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#error === undefined) {
      if (this.#inFlight >= (this.#isFull() ? MAX_IN_FLIGHT : 1)) return;
      const items = this.#take().map(({ body }) => ({ body, ...this.#manner }));
      this.#inFlight += 1;
      this.#inFlightMessages += items.length;
      const call = this.#queue.sendMany(items);
      const earlier = this.#reported;
      // In the order of the calls, whatever the order of the replies.
      this.#reported = Promise.allSettled([call, earlier]).then(async ([result]) => {
        try {
          if (result.status === "rejected") throw result.reason;
          this.sent += result.value.length;
          await this.#onSent(result.value);
        } catch (error) {
          await this.#failed(error, items.length);
        } finally {
          this.#inFlight -= 1;
          this.#inFlightMessages -= items.length;
          this.#dispatch();
          this.#room?.resolve();
          this.#room = undefined;
        }
      });
    }
  }

  async #failed(error: unknown, count: number): Promise<void> {
    if (error instanceof SendManyError) {
      const sent = error.ids.filter((id) => id !== undefined).map((id) => ({ id }));
      this.sent += sent.length;
      if (error.cause instanceof StoreUnavailableError && error.cause.outcome === "unknown") this.unknown += count - sent.length;
      // An output that broke is not the error to tell of.
      await Promise.resolve(this.#onSent(sent)).catch(() => {});
    }
    this.#error ??= toError(error);
  }

  /** Whether what waits fills a call. */
  #isFull(): boolean {
    return this.#waiting.length >= BATCH || this.#waitingChars >= BATCH_CHARS;
  }

  /** The next call's bodies. */
  #take(): SizedBody[] {
    let chars = 0;
    let count = 0;
    for (const { size } of this.#waiting) {
      if (count === BATCH || (count > 0 && chars + size > BATCH_CHARS)) break;
      chars += size;
      count += 1;
    }
    this.#waitingChars -= chars;
    return this.#waiting.splice(0, count);
  }
}
