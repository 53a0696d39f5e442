import type { Clock } from "../../core/clock.ts";
import { ClosedError } from "../../core/errors.ts";
import { randomText } from "../../core/ids.ts";
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
import { Connection, type Line } from "./connection.ts";
import { exchange, extend } from "./exchanging.ts";
import { inspectServer } from "./inspect.ts";
import { nudgeKey } from "./keys.ts";
import { counts, get, list } from "./reading.ts";
import { Registry } from "./registry.ts";
import { send } from "./sending.ts";
import { findMaster } from "./sentinel.ts";
import { parseRedisUrl, type RedisTarget } from "./url.ts";
import { BLOCK_SECONDS, type WakeHost, WakeLoop } from "./wake.ts";

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
 * Opens the Redis engine: one connection for commands, one for wake-ups.
 *
 * @throws UsageError `BATON_STORE_URL_INVALID`
 * @throws StoreUnreachableError, or StoreError `BATON_STORE_DENIED` or `BATON_STORE_UNSUPPORTED`
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { prefix, connectTimeout, silenceLimit = SILENCE_LIMIT_MS } = options;
  const target = parseRedisUrl(options.url);
  const listeners = new Set<AvailabilityListener>();
  const locate = target.kind === "sentinel" ? (timeout: number) => findMaster(target, timeout) : () => Promise.resolve(target.addresses[0]);
  const shared = { target, locate, connectTimeout, silenceLimit };
  const commands = await Connection.open({
    ...shared,
    prepare: loadScripts,
    onAvailability: (lost) => {
      registry.forget();
      for (const listener of listeners) listener(lost);
    },
  });
  const calls = new Calls(commands, prefix, target.display);
  const registry = new Registry(calls, prefix);
  try {
    await inspectServer(commands, target);
    // Its connection can tell it something only once it is there.
    const late: { wake?: WakeLoop } = {};
    const wakeUps = await Connection.open({
      ...shared,
      silenceLimit: silenceLimit + BLOCK_SECONDS * 1000,
      onInvalidate: (key) => {
        if (key === undefined) registry.forget();
        late.wake?.invalidate(key);
      },
      onAvailability: (lost) => {
        if (lost === undefined) late.wake?.reset();
      },
    });
    const wake = new WakeLoop(wakeUps, wakeHost(commands, prefix, nudgeKey(prefix, randomText(12))));
    late.wake = wake;
    return new RedisStore({ target, calls, registry, commands, wakeUps, wake, listeners });
  } catch (error) {
    await commands.close();
    throw error;
  }
}

/** What a wake loop needs of the other connection. */
function wakeHost(line: Line, prefix: string, nudge: string): WakeHost {
  const push = async (key: string, expire?: number): Promise<void> => {
    const sent = [line.send(["RPUSH", key, "1"], "once", key)];
    if (expire !== undefined) sent.push(line.send(["PEXPIRE", key, String(expire)], "once", key));
    await Promise.all(sent);
  };
  return { prefix, nudgeKey: nudge, push };
}

interface Parts {
  readonly target: RedisTarget;
  readonly calls: Calls;
  readonly registry: Registry;
  readonly commands: Line;
  readonly wakeUps: Connection;
  readonly wake: WakeLoop;
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

  wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    return this.#parts.wake.wait(queue, timeout, signal);
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
    const { commands, wakeUps, wake } = this.#parts;
    const ended = wake.close();
    await Promise.all([commands.close(), wakeUps.close()]);
    await ended;
  }

  #noted(queue: string): Calls {
    if (this.#closed !== undefined) throw new ClosedError("This connection was closed.");
    this.#parts.registry.note(queue);
    return this.#parts.calls;
  }
}
