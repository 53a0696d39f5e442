import { ClosedError, abortError } from "../../core/errors.ts";
import type { Connection } from "./connection.ts";
import { partitionKeys } from "./keys.ts";

/** Seconds a blocking command may take. Finite, so that a dead connection shows. */
const BLOCK_SECONDS = 5;
/** A wake-up is assumed lost, or somebody else's lease worth a look, this long after the queue changed. */
const BACKUP_MS = 1000;
const BACKUP_JITTER_MS = 1000;

interface Waiter {
  readonly wake: () => void;
}

/** What is known of one queue. */
class Watch {
  readonly queue: string;
  /** In the order they came; the first is woken first. */
  readonly waiters = new Set<Waiter>();
  /** Whether the server will tell when the inbox changes; likewise the rest. */
  inboxArmed = false;
  stateArmed = false;
  backup: NodeJS.Timeout | undefined;

  constructor(queue: string) {
    this.queue = queue;
  }

  wakeOne(): boolean {
    const [first] = this.waiters;
    first?.wake();
    return first !== undefined;
  }
}

/**
 * Wakes those who wait for something to receive, of all queues, over one connection. An idle process costs the server one
 * command in five seconds.
 *
 * - **One wakes one.** A script that leaves ready messages pushes a token to the queue's `wake` list, if none is there. The
 *   blocked `BLPOP` of one idle process gets it; that process receives, and its `exchange` pushes the next token if
 *   messages are left.
 * - **Everything else is told by the server.** Before it blocks, the connection reads the queue's keys with client tracking
 *   on, so the server pushes a notice when one changes, even while the connection is blocked, and at no cost while
 *   nothing changes. A change of `inbox` (a plain `RPUSH` by any program) ends a wait at once. A change of the others ends one a
 *   second or two later: somebody took a lease that may run out, or a token went down with the process that had it.
 */
export class WakeLoop {
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #nudgeKey: string;
  readonly #nudge: () => Promise<unknown>;
  readonly #watches = new Map<string, Watch>();
  /** Key → its queue and whether it is the inbox. */
  readonly #watched = new Map<string, { watch: Watch; inbox: boolean }>();
  #blockedOn: ReadonlySet<string> = new Set();
  #running: Promise<void> | undefined;
  #closed = false;

  /** @param nudge ends the blocking command, by a push to `nudgeKey` over another connection. */
  constructor(connection: Connection, prefix: string, nudgeKey: string, nudge: () => Promise<unknown>) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#nudgeKey = nudgeKey;
    this.#nudge = nudge;
  }

  async wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortError(signal);
    if (this.#closed) throw new ClosedError("This connection was closed.");
    const watch = this.#watch(queue);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      wake: () => {
        watch.waiters.delete(waiter);
        resolve();
      },
    };
    const onAbort = (): void => reject(abortError(signal));
    const timer = setTimeout(waiter.wake, timeout);
    signal.addEventListener("abort", onAbort);
    watch.waiters.add(waiter);
    if (!watch.stateArmed) this.#planBackup(watch);
    this.#start(queue);
    try {
      await promise;
      if (this.#closed) throw new ClosedError("This connection was closed.");
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      watch.waiters.delete(waiter);
      if (watch.waiters.size === 0) cancelBackup(watch);
    }
  }

  /** The server says that a key read here has changed; undefined: any may have. */
  invalidate(key: string | undefined): void {
    if (key === undefined) {
      this.reset();
      return;
    }
    const entry = this.#watched.get(key);
    if (entry === undefined) return;
    if (entry.inbox) {
      entry.watch.inboxArmed = false;
      entry.watch.wakeOne();
    } else {
      entry.watch.stateArmed = false;
      if (entry.watch.waiters.size > 0) this.#planBackup(entry.watch);
    }
  }

  /** Forgets what was armed and wakes everybody: the connection is new, or the store was emptied. */
  reset(): void {
    for (const watch of this.#watches.values()) {
      watch.inboxArmed = false;
      watch.stateArmed = false;
      while (watch.wakeOne());
    }
  }

  /** Call after the connection was closed. Waits reject with ClosedError. */
  async close(): Promise<void> {
    this.#closed = true;
    this.reset();
    for (const watch of this.#watches.values()) cancelBackup(watch);
    await this.#running;
  }

  #watch(queue: string): Watch {
    let watch = this.#watches.get(queue);
    if (watch === undefined) {
      watch = new Watch(queue);
      this.#watches.set(queue, watch);
      const keys = partitionKeys(this.#prefix, queue);
      this.#watched.set(keys.inbox, { watch, inbox: true });
      for (const key of [keys.ready, keys.ranked, keys.delayed, keys.leases]) this.#watched.set(key, { watch, inbox: false });
    }
    return watch;
  }

  #planBackup(watch: Watch): void {
    watch.backup ??= setTimeout(
      () => {
        watch.backup = undefined;
        watch.wakeOne();
      },
      BACKUP_MS + Math.random() * BACKUP_JITTER_MS,
    );
  }

  #start(queue: string): void {
    if (this.#running === undefined) {
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        // A wait may have begun after the loop last looked.
        const next = this.#waitedFor()[0];
        if (next !== undefined && !this.#closed) this.#start(next.queue);
      });
    } else if (this.#blockedOn.size > 0 && !this.#blockedOn.has(queue)) {
      this.#blockedOn = new Set();
      // If the push fails the connection is down, and the loop begins anew with it.
      this.#nudge().catch(() => {});
    }
  }

  #waitedFor(): Watch[] {
    return [...this.#watches.values()].filter((watch) => watch.waiters.size > 0);
  }

  async #run(): Promise<void> {
    for (let watches = this.#waitedFor(); watches.length > 0 && !this.#closed; watches = this.#waitedFor()) {
      const wakeKeys = new Map(watches.map((watch) => [partitionKeys(this.#prefix, watch.queue).wake, watch]));
      this.#blockedOn = new Set(watches.map((watch) => watch.queue));
      try {
        // Written together: arming costs no round trip.
        const [, reply] = await Promise.all([
          this.#arm(watches),
          this.#connection.send(["BLPOP", ...wakeKeys.keys(), this.#nudgeKey, String(BLOCK_SECONDS)], "once"),
        ]);
        const key: unknown = Array.isArray(reply) ? reply[0] : undefined;
        const woken = typeof key === "string" ? wakeKeys.get(key) : undefined;
        if (woken !== undefined && typeof key === "string" && !woken.wakeOne()) {
          // Whoever waited here has gone: the token is another process's.
          await this.#connection.send(["RPUSH", key, "1"], "once");
        }
      } catch {
        // The connection broke, or a key is of a foreign type. The waiters look for themselves, and what is wrong meets them there.
        for (const watch of watches) watch.wakeOne();
      } finally {
        this.#blockedOn = new Set();
      }
    }
  }

  async #arm(watches: readonly Watch[]): Promise<void> {
    const inboxes = watches.filter((watch) => !watch.inboxArmed);
    const states = watches.filter((watch) => !watch.stateArmed);
    // Without tracking nothing is ever armed, and every wait ends after the backup's second or two.
    for (const watch of inboxes) watch.inboxArmed = this.#connection.tracking;
    for (const watch of states) watch.stateArmed = this.#connection.tracking;
    const [waiting] = await Promise.all([
      inboxes.length === 0
        ? 0
        : this.#connection.send(["EXISTS", ...inboxes.map((watch) => partitionKeys(this.#prefix, watch.queue).inbox)], "once"),
      states.length === 0 ? 0 : this.#connection.send(["EXISTS", ...states.flatMap((watch) => stateKeys(this.#prefix, watch.queue))], "once"),
    ]);
    if (Number(waiting) > 0) for (const watch of inboxes) watch.wakeOne();
  }
}

function stateKeys(prefix: string, queue: string): string[] {
  const { ready, ranked, delayed, leases } = partitionKeys(prefix, queue);
  return [ready, ranked, delayed, leases];
}

function cancelBackup(watch: Watch): void {
  clearTimeout(watch.backup);
  watch.backup = undefined;
}
