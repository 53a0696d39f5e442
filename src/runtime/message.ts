import { parseDuration, type Duration } from "../core/duration.ts";
import { LeaseLostError } from "../core/errors.ts";
import { sentAtOf } from "../core/ids.ts";
import { checkKeys } from "../core/options.ts";
import { toErrorRecord } from "../core/state.ts";
import type { Delivery, Settlement } from "../store/store.ts";
import type { Exchanger } from "./exchanger.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";

export interface NackOptions {
  /** What went wrong; kept with the message. */
  readonly error?: unknown;
  /** How long to wait before the next attempt; default 0. */
  readonly delay?: Duration;
}

export interface RejectOptions {
  /** Why; kept with the message. */
  readonly error?: unknown;
}

export interface ReleaseOptions {
  /** How long to wait before it is handed out again; default 0. */
  readonly delay?: Duration;
}

/** What a message needs to know of where it came from. */
export interface MessageOrigin {
  readonly queue: string;
  readonly exchanger: Exchanger;
  readonly keeper: LeaseKeeper;
  /** Failed attempts after which a message is dead. */
  readonly attempts: number;
}

/**
 * How a message's lease ended in this process.
 *
 * - `acked`: done.
 * - `retried`: failed, to be tried again.
 * - `dead`: given up: it was rejected, or failed for the last time.
 * - `released`: given back.
 * - `lost`: the lease was found not to be held any more.
 */
export type Outcome = "acked" | "retried" | "dead" | "released" | "lost";

/**
 * A message leased to this process. End the lease with exactly one of `ack`, `nack`, `reject` or `release`. If none comes
 * before the lease runs out, the message goes to another worker and a crash is counted.
 */
export class Message<T = unknown> {
  readonly id: string;
  readonly body: T;
  /** Higher is received first; 0 by default. */
  readonly priority: number;
  /** Attempts that failed before this one. */
  readonly failures: number;
  /** Times a holder vanished before this one. */
  readonly crashes: number;
  readonly #origin: MessageOrigin;
  readonly #token: string;
  #leasedUntil: number;
  #aborted: { readonly reason: Error } | undefined;
  #controller: AbortController | undefined;
  #outcome: Outcome | undefined;
  #lostBy: LeaseLostError | undefined;

  /** Made by the library only. */
  constructor(origin: MessageOrigin, delivery: Delivery, body: T, token: string, leasedUntil: number) {
    this.id = delivery.id;
    this.body = body;
    this.priority = delivery.priority;
    this.failures = delivery.failures;
    this.crashes = delivery.crashes;
    this.#origin = origin;
    this.#token = token;
    this.#leasedUntil = leasedUntil;
  }

  /** The queue's name. */
  get queue(): string {
    return this.#origin.queue;
  }

  /** Which attempt this is, from 1; crashes do not count. */
  get attempt(): number {
    return this.failures + 1;
  }

  /** When it was sent, by the store's clock. */
  get sentAt(): Date {
    return new Date(sentAtOf(this.id));
  }

  /** The token of this lease. Never used twice, so what a handler writes elsewhere can be fenced with it. */
  get token(): string {
    return this.#token;
  }

  /** Aborts when the message should not be worked on any longer. `reason` is a LeaseLostError, HandlerTimeoutError or WorkerStoppedError. */
  get signal(): AbortSignal {
    // Made when first asked for: most handlers never do, and it is the costliest part of a message.
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /** How the lease ended, or is about to end while the store is being told; undefined while it is held. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** For the library: how the lease was found to be lost, if it was. */
  get lostBy(): LeaseLostError | undefined {
    return this.#lostBy;
  }

  /** Monotonic time until which the lease is certain. */
  get leasedUntil(): number {
    return this.#leasedUntil;
  }

  /**
   * Done: the message leaves the queue.
   * @throws LeaseLostError if the lease is no longer held; nothing was changed.
   */
  ack(): Promise<void> {
    return this.#settle("acked", { kind: "ack", id: this.id, token: this.#token });
  }

  /**
   * Failed: counts an attempt. The message is tried again after `delay`, or is dead if this was its last attempt.
   * @throws LeaseLostError if the lease is no longer held; nothing was changed.
   */
  nack(options: NackOptions = {}): Promise<void> {
    checkKeys(options, ["error", "delay"], "message.nack");
    const delay = parseDuration(options.delay ?? 0, "message.nack's delay");
    const error = toErrorRecord(options.error ?? new Error("nack was called without an error."));
    const lease = { id: this.id, token: this.#token };
    return this.attempt >= this.#origin.attempts
      ? this.#settle("dead", { kind: "dead", ...lease, reason: "failed", error })
      : this.#settle("retried", { kind: "retry", ...lease, delay, error });
  }

  /**
   * Never to be tried again: the message is dead at once.
   * @throws LeaseLostError if the lease is no longer held; nothing was changed.
   */
  reject(options: RejectOptions = {}): Promise<void> {
    checkKeys(options, ["error"], "message.reject");
    const error = options.error === undefined ? {} : { error: toErrorRecord(options.error) };
    return this.#settle("dead", { kind: "dead", id: this.id, token: this.#token, reason: "rejected", ...error });
  }

  /**
   * Gives the message back. Burns no attempt; it keeps its place in the queue.
   * @throws LeaseLostError if the lease is no longer held; nothing was changed.
   */
  release(options: ReleaseOptions = {}): Promise<void> {
    checkKeys(options, ["delay"], "message.release");
    const delay = parseDuration(options.delay ?? 0, "message.release's delay");
    return this.#settle("released", { kind: "release", id: this.id, token: this.#token, delay });
  }

  /**
   * Makes the lease run out `duration` from now instead.
   * @throws LeaseLostError if the lease is no longer held; nothing was changed.
   */
  async extend(duration: Duration): Promise<void> {
    const ms = parseDuration(duration, "message.extend's duration");
    if (this.#outcome !== undefined) throw this.#lost(`it was ${this.#outcome} before`);
    await this.#origin.keeper.extend([this], ms);
    if (this.#lostBy !== undefined) throw this.#lostBy;
  }

  /** For the library: the lease was extended; monotonic. */
  extended(until: number): void {
    this.#leasedUntil = until;
  }

  /** For the library: the store says that the lease is not held. */
  lost(): void {
    this.#outcome = "lost";
    this.#lostBy = this.#lost("it ran out, and the message was given to others or ended by them");
    this.abort(this.#lostBy);
  }

  /** For the library: tell the handler to stop. The first reason counts. */
  abort(reason: Error): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = { reason };
    this.#controller?.abort(reason);
  }

  async #settle(how: Outcome, settlement: Settlement): Promise<void> {
    if (this.#outcome !== undefined) throw this.#lost(`it was ${this.#outcome} before`);
    this.#outcome = how;
    this.#origin.keeper.drop(this);
    if (!(await this.#origin.exchanger.settle(settlement))) {
      this.lost();
      throw this.#lostBy ?? this.#lost("it ran out");
    }
  }

  #lost(why: string): LeaseLostError {
    return new LeaseLostError(
      `Message ${this.id} of queue "${this.queue}" is not leased to this process any more: ${why}. Nothing was changed. ` +
        "If handlers take longer than their lease, give a longer one.",
    );
  }
}
