import { fullJitter } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { ClosedError, StoreUnavailableError } from "../core/errors.ts";
import type { TokenSource } from "../core/ids.ts";
import { type Delivery, MAX_BATCH, type ReceiveRequest, type Settlement, type Store } from "../store/store.ts";
import { endOfTick } from "./tick.ts";

/** Calls in flight at once: one the server works on while the client works on the other's reply. */
const MAX_IN_FLIGHT = 2;
const RETRY_BASE_MS = 50;
const RETRY_CAP_MS = 2000;
const PAGE = 1000;

interface PendingSettlement {
  readonly settlement: Settlement;
  readonly resolve: (held: boolean) => void;
  readonly reject: (error: unknown) => void;
}

interface PendingReceive {
  readonly max: number;
  readonly lease: number;
  readonly resolve: (received: Received) => void;
  readonly reject: (error: unknown) => void;
}

/** What a receive gave. */
export interface Received {
  readonly deliveries: readonly Delivery[];
  readonly token: string;
  /** Monotonic time before which the leases surely have not run out. */
  readonly leasedUntil: number;
  /** Whether ready messages are left. */
  readonly more: boolean;
  /** Milliseconds until something is due; undefined if nothing is. */
  readonly nextDue: number | undefined;
}

/**
 * Settles and receives one queue's messages. What is asked for in one tick shares a call, and so does what gathers while
 * calls are in flight: at full speed one call ends many leases and takes as many new ones.
 */
export class Exchanger {
  readonly #store: Store;
  readonly #queue: string;
  readonly #clock: Clock;
  readonly #tokens: TokenSource;
  readonly #crashLimit: number;
  #settlements: PendingSettlement[] = [];
  #receives: PendingReceive[] = [];
  #inFlight = 0;
  #planned = false;
  #idle: PromiseWithResolvers<void> | undefined;
  #closed = false;
  readonly #background = new Set<Promise<void>>();

  constructor(store: Store, queue: string, clock: Clock, tokens: TokenSource, crashLimit: number) {
    this.#store = store;
    this.#queue = queue;
    this.#clock = clock;
    this.#tokens = tokens;
    this.#crashLimit = crashLimit;
  }

  /**
   * Ends a lease; resolves with whether it was held.
   *
   * If the connection breaks before the reply it is sent again when the store is back: the token makes that safe. The
   * answer is then `false` if the first try had taken effect.
   */
  settle(settlement: Settlement): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#settlements.push({ settlement, resolve, reject });
      this.#plan();
    });
  }

  /**
   * Receives up to `max` messages, or none if none is ready.
   *
   * @throws StoreUnavailableError if the connection breaks before the reply. What the store handed out is then given back
   *   in the background.
   */
  receive(max: number, lease: number): Promise<Received> {
    if (this.#closed) return Promise.reject(new ClosedError(`Queue "${this.#queue}" was closed.`));
    return new Promise((resolve, reject) => {
      this.#receives.push({ max: Math.min(max, MAX_BATCH), lease, resolve, reject });
      this.#plan();
    });
  }

  /** Refuses further receives, and resolves when all that was asked for has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#settlements.length > 0 || this.#receives.length > 0 || this.#inFlight > 0) {
      this.#idle ??= Promise.withResolvers();
      await this.#idle.promise;
    }
    await Promise.allSettled(this.#background);
  }

  #plan(): void {
    if (this.#planned || this.#inFlight >= MAX_IN_FLIGHT) return;
    this.#planned = true;
    endOfTick(() => {
      this.#planned = false;
      while (this.#inFlight < MAX_IN_FLIGHT && (this.#settlements.length > 0 || this.#receives.length > 0)) {
        void this.#call(this.#settlements.splice(0, MAX_BATCH), this.#receives.shift());
      }
    });
  }

  async #call(settlements: readonly PendingSettlement[], receive: PendingReceive | undefined): Promise<void> {
    this.#inFlight += 1;
    const request: ReceiveRequest | undefined =
      receive === undefined ? undefined : { max: receive.max, lease: receive.lease, token: this.#tokens.next() };
    const started = this.#clock.monotonic();
    try {
      const { settled, received, more, nextDue } = await this.#store.exchange(this.#queue, {
        settle: settlements.map(({ settlement }) => settlement),
        ...(request === undefined ? {} : { receive: request }),
        crashLimit: this.#crashLimit,
      });
      settlements.forEach(({ resolve }, i) => resolve(settled[i] === true));
      if (receive !== undefined && request !== undefined) {
        const leasedUntil = started + request.lease;
        receive.resolve({ deliveries: received, token: request.token, leasedUntil, more, nextDue });
      }
    } catch (error) {
      this.#failed(error, settlements, receive, request);
    } finally {
      this.#inFlight -= 1;
      if (this.#settlements.length > 0 || this.#receives.length > 0) this.#plan();
      else if (this.#inFlight === 0) {
        this.#idle?.resolve();
        this.#idle = undefined;
      }
    }
  }

  #failed(
    error: unknown,
    settlements: readonly PendingSettlement[],
    receive: PendingReceive | undefined,
    request: ReceiveRequest | undefined,
  ): void {
    const unknown = error instanceof StoreUnavailableError && error.outcome === "unknown";
    if (unknown) this.#settlements.unshift(...settlements);
    else for (const { reject } of settlements) reject(error);
    receive?.reject(error);
    if (unknown && request !== undefined) {
      const work = this.#giveBack(request.token).finally(() => this.#background.delete(work));
      this.#background.add(work);
    }
  }

  /**
   * Releases what was handed out under a token whose reply never came. Left alone, those leases would run out, and the
   * messages would be counted as crashed though nobody ever had them.
   */
  async #giveBack(token: string): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        let cursor: string | undefined;
        do {
          const page = await this.#store.list(this.#queue, {
            state: "active",
            limit: PAGE,
            ...(cursor === undefined ? {} : { cursor }),
          });
          const settle = page.messages
            .filter((message) => message.token === token)
            .map(({ id }): Settlement => ({ kind: "release", id, token, delay: 0 }));
          if (settle.length > 0) await this.#store.exchange(this.#queue, { settle, crashLimit: this.#crashLimit });
          cursor = page.next;
        } while (cursor !== undefined);
        return;
      } catch (error) {
        // Closed or refused for good: the leases run out by themselves.
        if (!(error instanceof StoreUnavailableError)) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#clock.after(fullJitter(attempt, RETRY_BASE_MS, RETRY_CAP_MS), resolve);
        await promise;
      }
    }
  }
}
