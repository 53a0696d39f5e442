import { randomText } from "../../core/ids.ts";
import type { Cluster } from "./cluster.ts";
import { Connection } from "./connection.ts";
import { nudgeKey, partitionKeys } from "./keys.ts";
import type { RedisTarget } from "./url.ts";
import { WakeLoop, type Waker, wakeHost } from "./wake.ts";

export interface ClusterWakesOptions {
  readonly cluster: Cluster;
  readonly target: RedisTarget;
  readonly prefix: string;
  readonly connectTimeout: number;
  /** Milliseconds without a reply after which a blocking connection counts as dead. */
  readonly silenceLimit: number;
}

interface Listener {
  readonly connection: Connection;
  readonly loop: WakeLoop;
  waits: number;
  expiry: NodeJS.Timeout | undefined;
}

/** A queue's connection is closed when nobody waited for so long. */
const UNUSED_MS = 30_000;

/** Wakes those who wait in a cluster. A blocking command can't span slots, so each queue waited for takes a connection. */
export class ClusterWakes implements Waker {
  readonly #options: ClusterWakesOptions;
  readonly #holder: string = randomText(12);
  readonly #listeners = new Map<string, Listener>();

  constructor(options: ClusterWakesOptions) {
    this.#options = options;
  }

  async wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const listener = this.#listeners.get(queue) ?? this.#listen(queue);
    listener.waits += 1;
    clearTimeout(listener.expiry);
    try {
      await listener.loop.wait(queue, timeout, signal);
    } finally {
      listener.waits -= 1;
      if (listener.waits === 0 && this.#listeners.get(queue) === listener) {
        listener.expiry = setTimeout(() => void this.#forget(queue, listener), UNUSED_MS).unref();
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners].map(([queue, listener]) => this.#forget(queue, listener)));
  }

  #listen(queue: string): Listener {
    const { cluster, target, prefix, connectTimeout, silenceLimit } = this.#options;
    const { wake } = partitionKeys(prefix, queue);
    const connection = Connection.start({
      target,
      locate: (timeout) => cluster.locate(wake, timeout),
      connectTimeout,
      silenceLimit,
      follows: true,
      onInvalidate: (key) => loop.invalidate(key),
      onAvailability: (lost) => {
        if (lost === undefined) loop.reset();
      },
    });
    const loop = new WakeLoop(connection, wakeHost(cluster, prefix, nudgeKey(prefix, this.#holder, queue)));
    const listener: Listener = { connection, loop, waits: 0, expiry: undefined };
    this.#listeners.set(queue, listener);
    return listener;
  }

  async #forget(queue: string, { connection, loop, expiry }: Listener): Promise<void> {
    clearTimeout(expiry);
    this.#listeners.delete(queue);
    const ended = loop.close();
    await connection.close();
    await ended;
  }
}
