import type { Clock } from "../../core/clock.ts";
import { ClosedError } from "../../core/errors.ts";
import type {
  Counts,
  ExchangeReply,
  ExchangeRequest,
  Lease,
  ListRequest,
  NewMessage,
  Page,
  Store,
  StoreInfo,
  StoredMessage,
} from "../store.ts";
import { Calls, loadScripts } from "./calls.ts";
import { ClusterWakes } from "./cluster-wakes.ts";
import { Cluster } from "./cluster.ts";
import { Connection, type Line } from "./connection.ts";
import { exchange, extend } from "./exchanging.ts";
import { inspectServer } from "./inspect.ts";
import { counts, get, list } from "./reading.ts";
import { Registry } from "./registry.ts";
import { send } from "./sending.ts";
import { findMaster } from "./sentinel.ts";
import { SingleWakes } from "./single-wakes.ts";
import { type Address, parseRedisUrl, type RedisTarget } from "./url.ts";
import { BLOCK_SECONDS, type Waker } from "./wake.ts";

export interface RedisStoreOptions {
  /** See parseRedisUrl. */
  readonly url: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** Unused for what is stored: that goes by the server's clock. */
  readonly clock: Clock;
  /** Milliseconds the first connect may take. */
  readonly connectTimeout: number;
  /** Milliseconds without a reply, while one is due, after which a connection counts as dead; default 10 seconds. */
  readonly silenceLimit?: number;
}

type AvailabilityListener = (lost: Error | undefined) => void;

const SILENCE_LIMIT_MS = 10_000;

/**
 * Opens the Redis engine.
 *
 * @throws UsageError `BATON_STORE_URL_INVALID`
 * @throws StoreUnreachableError, or StoreError `BATON_STORE_DENIED` or `BATON_STORE_UNSUPPORTED`
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { prefix, connectTimeout, silenceLimit = SILENCE_LIMIT_MS } = options;
  const target = parseRedisUrl(options.url);
  const listeners = new Set<AvailabilityListener>();
  const onAvailability = (lost: Error | undefined): void => {
    registry.forget();
    for (const listener of listeners) listener(lost);
  };
  const shared = { target, connectTimeout, silenceLimit, onAvailability };
  const commands = target.kind === "cluster" ? await Cluster.open(shared) : await Connection.open({ ...shared, locate: locator(target), prepare: loadScripts });
  const calls = new Calls(commands, prefix, target.display);
  const registry = new Registry(calls, prefix);
  try {
    await inspectServer(commands, target);
    const wakeOptions = { target, connectTimeout, prefix, silenceLimit: silenceLimit + BLOCK_SECONDS * 1000 };
    const wakes =
      commands instanceof Cluster
        ? new ClusterWakes({ ...wakeOptions, cluster: commands })
        : await SingleWakes.open({ ...wakeOptions, locate: locator(target), line: commands, onFlush: () => registry.forget() });
    return new RedisStore({ target, calls, registry, commands, wakes, listeners });
  } catch (error) {
    await commands.close();
    throw error;
  }
}

function locator(target: RedisTarget): (timeout: number) => Promise<Address> {
  return target.kind === "sentinel" ? (timeout) => findMaster(target, timeout) : () => Promise.resolve(target.addresses[0]);
}

interface Parts {
  readonly target: RedisTarget;
  readonly calls: Calls;
  readonly registry: Registry;
  readonly commands: Line;
  readonly wakes: Waker;
  readonly listeners: Set<AvailabilityListener>;
}

class RedisStore implements Store {
  readonly #parts: Parts;
  #closed: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async send(queue: string, messages: readonly NewMessage[]): Promise<readonly string[]> {
    return send(this.#noted(queue), queue, messages);
  }

  async exchange(queue: string, request: ExchangeRequest): Promise<ExchangeReply> {
    return exchange(this.#noted(queue), queue, request);
  }

  extend(queue: string, leases: readonly Lease[], ms: number): Promise<readonly boolean[]> {
    return extend(this.#parts.calls, queue, leases, ms);
  }

  async wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    if (this.#closed !== undefined) throw closed();
    return this.#parts.wakes.wait(queue, timeout, signal);
  }

  get(queue: string, ids: readonly string[]): Promise<readonly (StoredMessage | undefined)[]> {
    return get(this.#parts.calls, queue, ids);
  }

  list(queue: string, request: ListRequest): Promise<Page> {
    return list(this.#parts.calls, queue, request);
  }

  counts(queue: string): Promise<Counts> {
    return counts(this.#parts.calls, queue);
  }

  queues(): Promise<readonly string[]> {
    return this.#parts.registry.names();
  }

  inspect(): Promise<StoreInfo> {
    return inspectServer(this.#parts.commands, this.#parts.target);
  }

  onAvailability(listener: AvailabilityListener): () => void {
    this.#parts.listeners.add(listener);
    return () => this.#parts.listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { commands, wakes } = this.#parts;
    await Promise.all([wakes.close(), commands.close()]);
  }

  #noted(queue: string): Calls {
    if (this.#closed !== undefined) throw closed();
    this.#parts.registry.note(queue);
    return this.#parts.calls;
  }
}

function closed(): ClosedError {
  return new ClosedError("This connection was closed.");
}
