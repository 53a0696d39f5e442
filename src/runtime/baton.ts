import { systemClock, type Clock } from "../core/clock.ts";
import { DEFAULT_MAX_BODY_BYTES } from "../core/codec.ts";
import { parseDuration, type Duration } from "../core/duration.ts";
import { ClosedError } from "../core/errors.ts";
import { TokenSource } from "../core/ids.ts";
import { checkQueueName } from "../core/names.ts";
import { checkInteger, checkKeys } from "../core/options.ts";
import { openStore } from "../store/open.ts";
import type { Store, StoreInfo } from "../store/store.ts";
import { Queue, type QueueOptions } from "./queue.ts";

export interface ConnectOptions {
  /** How long the first connect may take; default 5 seconds. A store that goes away later is waited for. */
  readonly connectTimeout?: Duration;
  /** The largest body taken, in bytes once encoded; default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Redis only: what all keys begin with; default `baton`. */
  readonly prefix?: string;
  /** SQLite only: `full` (default) syncs before a send returns; `normal` may lose the last commits when power fails. */
  readonly synchronous?: "full" | "normal";
  /** Where local time comes from; default the machine's clock. For tests. */
  readonly clock?: Clock;
}

export interface CloseOptions {
  /** How long workers may finish; default each worker's own `grace`. */
  readonly grace?: Duration;
}

const DEFAULT_STORE = "sqlite:.baton/baton.db";

/**
 * Connects to a store.
 *
 * @param url `sqlite:path/to/file.db`, `memory:`, `redis://…`, `rediss://…`, `redis+sentinel://h1,h2/mastername`, or `valkey`
 *   for `redis`. Default `$BATON_STORE`, else `sqlite:.baton/baton.db`.
 * @throws UsageError for a URL or an option that can't be used.
 * @throws StoreUnreachableError if the store does not answer within the connect timeout.
 * @throws StoreError if it refuses the login, can't be written, or is not Baton's.
 */
export async function connect(url?: string, options: ConnectOptions = {}): Promise<Baton> {
  checkKeys(options, ["connectTimeout", "maxBodyBytes", "prefix", "synchronous", "clock"], "connect");
  const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, clock = systemClock } = options;
  checkInteger(maxBodyBytes, "connect's maxBodyBytes", 1, 256 * 1024 * 1024);
  const location = url ?? (process.env["BATON_STORE"] || DEFAULT_STORE);
  const store = await openStore(location, {
    connectTimeout: parseDuration(options.connectTimeout ?? "5s", "connect's connectTimeout"),
    prefix: options.prefix,
    synchronous: options.synchronous,
    clock,
  });
  return new Baton(store, clock, maxBodyBytes);
}

/** A connection to a store. Made by `connect`. */
export class Baton {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #maxBodyBytes: number;
  readonly #tokens = new TokenSource();
  readonly #queues = new Set<{ close(grace: number | undefined): Promise<void> }>();
  #closed: Promise<void> | undefined;
  #lost = false;
  /** Set while closing. */
  #onLost: (() => void) | undefined;

  /** Made by the library only. */
  constructor(store: Store, clock: Clock, maxBodyBytes: number) {
    this.#store = store;
    this.#clock = clock;
    this.#maxBodyBytes = maxBodyBytes;
    store.onAvailability((error) => {
      this.#lost = error !== undefined;
      if (this.#lost) this.#onLost?.();
    });
  }

  /** The name by which this connection's leases are shown as a message's `holder`. */
  get holder(): string {
    return this.#tokens.holder;
  }

  /**
   * A queue, by name. Cheap, but not free: keep it instead of asking for it for every message.
   *
   * @throws UsageError for a name with characters it can't have, or an option that can't be used.
   */
  queue<Input = unknown, Output = Input>(name: string, options?: QueueOptions<Input, Output>): Queue<Input, Output> {
    if (this.#closed !== undefined) throw new ClosedError("This connection was closed; connect() again.");
    const host = { store: this.#store, clock: this.#clock, tokens: this.#tokens, maxBodyBytes: this.#maxBodyBytes };
    const queue = new Queue<Input, Output>(checkQueueName(name), host, options);
    this.#queues.add(queue);
    return queue;
  }

  /** The names of all queues in the store, sorted. */
  queues(): Promise<readonly string[]> {
    return this.#store.queues();
  }

  /** What the store says of itself: version, durability, and what is set up in a way that will hurt. */
  inspect(): Promise<StoreInfo> {
    return this.#store.inspect();
  }

  /** Calls `listener` when the store is lost (with the error) and when it is back (with undefined). Returns a function that stops it. */
  onAvailability(listener: (lost: Error | undefined) => void): () => void {
    return this.#store.onAvailability(listener);
  }

  /**
   * Stops all workers, ends all waits, lets sends and acks under way end, and closes the connection. Idempotent.
   *
   * With the store away it does not wait for it: after the grace period what is under way is given up with ClosedError.
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkKeys(options, ["grace"], "baton.close");
    const grace = options.grace === undefined ? undefined : parseDuration(options.grace, "baton.close's grace");
    this.#closed ??= this.#close(grace);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(grace: number | undefined): Promise<void> {
    const { promise: away, resolve } = Promise.withResolvers<void>();
    // With the store gone nobody can be told anything; what this process held shows when the leases run out.
    this.#onLost = () => void this.#clock.after(AWAY_GRACE_MS, () => (this.#lost ? resolve() : undefined));
    if (this.#lost) this.#onLost();
    const ended = Promise.all([...this.#queues].map((queue) => queue.close(grace)));
    await Promise.race([ended, away]);
    await this.#store.close();
  }
}

/** How long close() waits for a store that is away. */
const AWAY_GRACE_MS = 2000;
