import { EventEmitter } from "node:events";
import type { Clock } from "../core/clock.ts";
import { parseDuration, type Duration } from "../core/duration.ts";
import { BatonError, HandlerTimeoutError, LeaseLostError, StoreError, WorkerStoppedError } from "../core/errors.ts";
import { checkInteger } from "../core/options.ts";
import type { Counts } from "../store/store.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { Message } from "./message.ts";
import type { Pull } from "./pull.ts";

/** What a handler gets besides the message. */
export interface HandlerContext {
  /** Aborts when the handler should end: the lease is lost, the timeout is over, or the worker stops. The same as `message.signal`. */
  readonly signal: AbortSignal;
}

/** Handles one message. Returning acks it, throwing nacks it, unless the handler has ended the lease itself. */
export type Handler<T> = (message: Message<T>, context: HandlerContext) => unknown;

export interface WorkOptions {
  /** Messages handled at once; default 1, which is strict order. Can be changed while running. */
  readonly concurrency?: number;
  /** How long a lease lasts; default 30 seconds. Extended for as long as the handler runs; how long a message of a killed worker waits. */
  readonly lease?: Duration;
  /** How long a handler may take; default no limit. Over it the signal aborts and the attempt has failed. */
  readonly timeout?: Duration;
  /** How long `stop` lets handlers finish before it hands their messages back; default 30 seconds. */
  readonly grace?: Duration;
  /** Stops the worker when it aborts. */
  readonly signal?: AbortSignal;
  /** Stop by itself once the queue has nothing ready, delayed or active; default false. */
  readonly untilEmpty?: boolean;
}

/** The checked form of WorkOptions. */
export interface WorkerSettings {
  readonly concurrency: number;
  readonly lease: number;
  readonly timeout: number | undefined;
  readonly grace: number;
  readonly untilEmpty: boolean;
}

export interface StopOptions {
  /** How long handlers may finish before their messages are handed back; default the worker's `grace`. 0 hands back at once. */
  readonly grace?: Duration;
}

export interface WorkerEvents<T> {
  /** A handler returned. `message.outcome` is `acked`, unless the handler ended the lease another way. */
  done: [message: Message<T>];
  /** A handler threw, or ran over its timeout; `message.outcome` is `retried` or `dead`. */
  failed: [message: Message<T>, error: unknown];
  /** A message's lease was lost while it was handled. */
  lost: [message: Message<T>, error: LeaseLostError];
  /** A message's body could not be read; it is dead. */
  unreadable: [id: string, error: BatonError];
  /** The store failed a call. The worker goes on when the store does. */
  problem: [error: unknown];
}

/** The highest concurrency that can be set. */
const MAX_CONCURRENCY = 100_000;
/** Without news from the store an idle worker looks this often; news is what `wait` is for. */
const IDLE_LOOK_MS = 3_600_000;
/** With `untilEmpty` others' messages matter too, and their end is no news. */
const EMPTY_LOOK_MS = 250;
const PROBLEM_PAUSE_MS = 200;
/** How long `stop` waits for a store that is away, once the grace is over. */
const AWAY_GRACE_MS = 2000;

/** What a worker needs of its queue. */
export interface WorkerHost<T> {
  readonly queue: string;
  readonly clock: Clock;
  readonly pull: Pull<T>;
  readonly keeper: LeaseKeeper;
  wait(timeout: number, signal: AbortSignal): Promise<void>;
  counts(): Promise<Counts>;
}

/** Receives messages and hands them to a handler until it is stopped. Made by `queue.work`. */
export class Worker<T = unknown> extends EventEmitter<WorkerEvents<T>> {
  readonly #host: WorkerHost<T>;
  readonly #handler: Handler<T>;
  readonly #settings: WorkerSettings;
  #concurrency: number;
  /** Asked for and not yet arrived. */
  #requested = 0;
  /** Handlers that run. */
  #handling = 0;
  /** Messages whose handler runs, or that are being settled. */
  readonly #running = new Map<Message<T>, Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #warned = new Set<string>();
  readonly #stopped: Promise<void>;
  /** Resolves when a slot may be free or something else is worth a look. */
  #change: PromiseWithResolvers<void> = Promise.withResolvers();
  #graceEnds = Number.POSITIVE_INFINITY;
  #cancelGrace: (() => void) | undefined;

  /** Made by the library only. */
  constructor(host: WorkerHost<T>, handler: Handler<T>, settings: WorkerSettings) {
    super();
    this.#host = host;
    this.#handler = handler;
    this.#settings = settings;
    this.#concurrency = settings.concurrency;
    this.#stopped = this.#run();
  }

  /** Messages handled at once. Setting it takes effect at once; handlers that run are not interrupted. */
  get concurrency(): number {
    return this.#concurrency;
  }

  set concurrency(value: number) {
    this.#concurrency = checkInteger(value, "worker.concurrency", 1, MAX_CONCURRENCY);
    this.#changed();
  }

  /** Messages being handled now. */
  get active(): number {
    return this.#running.size;
  }

  /** Resolves when the worker has stopped: by `stop`, its signal, `untilEmpty`, or the connection's `close`. */
  get stopped(): Promise<void> {
    return this.#stopped;
  }

  /**
   * Stops: takes no more messages, lets handlers finish, and hands back what is not finished within the grace period,
   * burning no attempt. Resolves when this process has no message of this worker any more. May be called again with a
   * shorter grace.
   */
  stop(options: StopOptions = {}): Promise<void> {
    const grace = parseDuration(options.grace ?? this.#settings.grace, "worker.stop's grace");
    const ends = this.#host.clock.monotonic() + grace;
    if (ends < this.#graceEnds) {
      this.#graceEnds = ends;
      this.#cancelGrace?.();
      this.#cancelGrace = this.#host.clock.after(grace, () => this.#handBack());
    }
    this.#stopping.abort();
    this.#changed();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // Two halves, so that the store hands out one while this process works on the other.
    const feeding = Promise.all([this.#feed(signal, (limit) => Math.ceil(limit / 2)), this.#feed(signal, (limit) => Math.floor(limit / 2))]);
    const told = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([feeding, told]);
    await this.#finished();
    // What is still on its way is handed back when it comes. With the store away nothing comes.
    const { promise: away, resolve } = Promise.withResolvers<void>();
    const cancel = this.#host.clock.after(AWAY_GRACE_MS, resolve);
    await Promise.race([feeding, away]);
    cancel();
    await this.#finished();
    this.#cancelGrace?.();
  }

  async #finished(): Promise<void> {
    while (this.#running.size > 0) await this.#nextChange();
  }

  /** Keeps up to its share of the concurrency busy. */
  async #feed(signal: AbortSignal, shareOf: (limit: number) => number): Promise<void> {
    while (!signal.aborted) {
      const free = Math.min(shareOf(this.#concurrency), this.#concurrency - this.#handling - this.#requested);
      if (free <= 0) {
        await this.#nextChange();
        continue;
      }
      try {
        await this.#take(free, signal);
      } catch (error) {
        if (signal.aborted || isClosed(error)) return;
        this.#problem(error);
        await this.#pause(PROBLEM_PAUSE_MS, signal);
      }
    }
  }

  /** Receives up to `max` messages and starts their handlers; waits if there are none. */
  async #take(max: number, signal: AbortSignal): Promise<void> {
    this.#requested += max;
    let taken;
    try {
      taken = await this.#host.pull.take(max, this.#settings.lease, (id, error) => this.emit("unreadable", id, error));
    } finally {
      this.#requested -= max;
    }
    for (const message of taken.messages) {
      if (signal.aborted) this.#giveBack(message);
      else this.#start(message);
    }
    if (taken.messages.length > 0 || taken.more) return;
    if (this.#settings.untilEmpty && (await this.#isEmpty())) {
      void this.stop();
      return;
    }
    const longest = this.#settings.untilEmpty ? EMPTY_LOOK_MS : IDLE_LOOK_MS;
    await this.#host.wait(Math.min(taken.nextDue ?? longest, longest), signal);
  }

  async #isEmpty(): Promise<boolean> {
    if (this.#running.size > 0) return false;
    const { ready, delayed, active } = await this.#host.counts();
    return ready + delayed + active === 0;
  }

  #start(message: Message<T>): void {
    const handled = this.#handle(message).finally(() => {
      this.#running.delete(message);
      this.#changed();
    });
    this.#running.set(message, handled);
  }

  async #handle(message: Message<T>): Promise<void> {
    const { timeout, lease } = this.#settings;
    this.#host.keeper.keep(message, lease);
    const cancelTimeout = timeout === undefined ? undefined : this.#host.clock.after(timeout, () => void this.#timedOut(message, timeout));
    try {
      await this.#handled(message);
      cancelTimeout?.();
      if (message.outcome === undefined) await message.ack();
      if (message.lostBy !== undefined) this.emit("lost", message, message.lostBy);
      else this.emit("done", message);
    } catch (error) {
      cancelTimeout?.();
      await this.#failed(message, error);
    } finally {
      this.#host.keeper.drop(message);
    }
  }

  /** Runs the handler. Its slot is free when it ends, not when the store has been told, so that the next receive rides along with the ack. */
  async #handled(message: Message<T>): Promise<void> {
    this.#handling += 1;
    try {
      await this.#handler(message, new Context(message));
    } finally {
      this.#handling -= 1;
      this.#changed();
    }
  }

  async #failed(message: Message<T>, error: unknown): Promise<void> {
    const lost = message.lostBy ?? error;
    if (lost instanceof LeaseLostError) {
      this.emit("lost", message, lost);
      return;
    }
    // A store's refusal of the ack is not the handler's failure; the lease runs out, and the message comes back.
    if (error instanceof StoreError && message.outcome !== undefined) {
      this.#problem(error);
      return;
    }
    if (message.outcome !== undefined) return;
    try {
      await message.nack({ error });
      this.emit("failed", message, error);
    } catch (refused) {
      if (refused instanceof LeaseLostError) this.emit("lost", message, refused);
      else this.#problem(refused);
    }
  }

  /** The attempt has failed; the slot stays taken until the handler ends. */
  async #timedOut(message: Message<T>, timeout: number): Promise<void> {
    if (message.outcome !== undefined) return;
    const error = new HandlerTimeoutError(
      `The handler of message ${message.id} in queue "${message.queue}" ran longer than its timeout of ${timeout} ms. ` +
        "Make it follow its signal, or give a longer timeout.",
    );
    message.abort(error);
    await this.#failed(message, error);
  }

  /** The grace is over: what is not finished goes back now. */
  #handBack(): void {
    for (const [message] of this.#running) {
      message.abort(
        new WorkerStoppedError(
          `The worker of queue "${message.queue}" stopped before message ${message.id} was handled; the message was handed back.`,
        ),
      );
      if (message.outcome === undefined) this.#giveBack(message);
    }
    // What is being settled needs the store. If that is away, the leases tell when they run out.
    this.#cancelGrace = this.#host.clock.after(AWAY_GRACE_MS, () => {
      this.#running.clear();
      this.#changed();
    });
    this.#changed();
  }

  #giveBack(message: Message<T>): void {
    const released = this.#release(message).finally(() => {
      this.#running.delete(message);
      this.#changed();
    });
    this.#running.set(message, released);
  }

  async #release(message: Message<T>): Promise<void> {
    try {
      await message.release();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) this.#problem(error);
    }
  }

  /** Nobody listening must not mean nobody told: once for each kind of problem it becomes a process warning. */
  #problem(error: unknown): void {
    if (this.emit("problem", error)) return;
    const code = error instanceof BatonError ? error.code : String(error);
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    process.emitWarning(`The worker of queue "${this.#host.queue}" has a problem, and goes on trying: ${error instanceof Error ? error.message : code}`, "BatonWarning");
  }

  #nextChange(): Promise<void> {
    return this.#change.promise;
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#host.clock.after(ms * (0.5 + Math.random()), resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(cancel);
  }
}

/** Makes the signal only for handlers that look at it. */
class Context implements HandlerContext {
  readonly #message: Message<unknown>;

  constructor(message: Message<unknown>) {
    this.#message = message;
  }

  get signal(): AbortSignal {
    return this.#message.signal;
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "BATON_CLOSED";
}
