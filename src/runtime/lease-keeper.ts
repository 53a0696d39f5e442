import type { Clock } from "../core/clock.ts";
import { LeaseLostError } from "../core/errors.ts";
import { MAX_BATCH, type Store } from "../store/store.ts";
import type { Message } from "./message.ts";

type Held = Message<unknown>;

/**
 * Extends leases for as long as their messages are worked on: all of a queue's that need it in one call.
 *
 * A lease is extended when a third of it is over. If the store can't be reached until a lease has run out, or says that it is
 * lost, the message's signal aborts with LeaseLostError.
 */
export class LeaseKeeper {
  readonly #store: Store;
  readonly #queue: string;
  readonly #clock: Clock;
  /** Messages kept, and the length of their leases in milliseconds. */
  readonly #kept = new Map<Held, number>();
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(store: Store, queue: string, clock: Clock) {
    this.#store = store;
    this.#queue = queue;
    this.#clock = clock;
  }

  /** Extends the message's lease, by `lease` milliseconds each time, until it is dropped. */
  keep(message: Held, lease: number): void {
    this.#kept.set(message, lease);
    const at = message.leasedUntil - (lease * 2) / 3;
    if (at < this.#timerAt) this.#arm(at);
  }

  /** Stops extending. */
  drop(message: Held): void {
    this.#kept.delete(message);
  }

  /** Makes the leases run out `ms` from now; those that are not held are told so. */
  async extend(messages: readonly Held[], ms: number): Promise<void> {
    for (let i = 0; i < messages.length; i += MAX_BATCH) {
      const batch = messages.slice(i, i + MAX_BATCH);
      const started = this.#clock.monotonic();
      const leases = batch.map(({ id, token }) => ({ id, token }));
      const held = await this.#store.extend(this.#queue, leases, ms);
      batch.forEach((message, place) => {
        if (held[place] === true) message.extended(started + ms);
        else if (message.outcome === undefined) {
          this.drop(message);
          message.lost();
        }
      });
    }
  }

  close(): void {
    this.#kept.clear();
    this.#cancelTimer?.();
  }

  #arm(at: number): void {
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = this.#clock.after(Math.max(1, at - this.#clock.monotonic()), () => this.#tick());
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    const due = new Map<number, Held[]>();
    let next = Number.POSITIVE_INFINITY;
    for (const [message, lease] of this.#kept) {
      if (message.leasedUntil <= now) {
        message.abort(
          new LeaseLostError(
            `The lease of message ${message.id} in queue "${this.#queue}" could not be extended in time: the store was away, or this process was busy. ` +
              "Another worker may have the message now.",
          ),
        );
      }
      const at = message.leasedUntil - (lease * 2) / 3;
      // Those that would be due soon come along, so that leases taken at different times end up in one call.
      if (at <= now + lease / 6) {
        const batch = due.get(lease);
        if (batch === undefined) due.set(lease, [message]);
        else batch.push(message);
        // Tried again soon if this fails.
        next = Math.min(next, now + lease / 4);
      } else next = Math.min(next, at);
    }
    for (const [lease, messages] of due) {
      // The store being away is told elsewhere; here the next tick tries again, until the lease has run out.
      this.extend(messages, lease).catch(() => {});
    }
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
  }
}
