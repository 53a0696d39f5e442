import { ErrorReply } from "@redis/client";
import { ClosedError } from "../../core/errors.ts";
import type { Connection, Line } from "./connection.ts";
import { pause } from "./pause.ts";
import { scripts } from "./scripts.ts";
import { LONGEST_TIMER_MS, Watch } from "./watch.ts";

/** Seconds the blocking command may take. Finite, so that a dead connection shows. */
export const BLOCK_SECONDS = 5;
/** The same where the server does not tell of changes, so that they must be looked for. */
const BLOCK_SECONDS_UNTOLD = 1;
/** Idle processes that learn of one thing at the same time look at it at different times, and the first spares the others. */
const SPREAD_MS = 1000;
/** The same for a body in an inbox, which nobody but they can see. */
const INBOX_SPREAD_MS = 20;
/** After a change, this long until the blocking command is ended to look at what it was; then not again for a while. */
const SETTLE_MS = 800;
const NUDGE_EVERY_MS = 4000;

/** Wakes those who wait. */
export interface Waker {
  /** See Store.wait. */
  wait(queue: string, timeout: number, signal: AbortSignal): Promise<void>;
  /** Rejects all waits with ClosedError. */
  close(): Promise<void>;
}

/** What a wake loop needs besides its connection. */
export interface WakeHost {
  readonly prefix: string;
  /** The list to push to, to end the blocking command. */
  readonly nudgeKey: string;
  /** Pushes to a list over another connection. `expire`: milliseconds after which the list may go. */
  push(key: string, expire?: number): Promise<unknown>;
}

/** @param line where the keys can be pushed to, over another connection. */
export function wakeHost(line: Line, prefix: string, nudge: string): WakeHost {
  const push = async (key: string, expire?: number): Promise<void> => {
    const sent = [line.send(["RPUSH", key, "1"], "once", key)];
    if (expire !== undefined) sent.push(line.send(["PEXPIRE", key, String(expire)], "once", key));
    await Promise.all(sent);
  };
  return { prefix, nudgeKey: nudge, push };
}

/**
 * Wakes those who wait for something to receive, of all queues, over one connection. An idle process costs the server one
 * command in five seconds.
 *
 * - **One wakes one.** A script that leaves ready messages pushes a token to the queue's `wake` list, if none is there. The
 *   blocked `BLPOP` of one idle process gets it; that process receives, and its `exchange` pushes the next token if
 *   messages are left.
 * - **Everything else is told by the server.** Before it blocks, the connection reads the queue's keys with client tracking
 *   on (the script `peek`), so it learns when the next lease runs out, and the server pushes a notice when a key changes, also
 *   while the connection is blocked, and at no cost while nothing changes. A change of `inbox` (a plain `RPUSH` by any program)
 *   wakes somebody within milliseconds. After any other change it reads again a second or two later, or when the blocking
 *   command ends: a lease was taken that may run out, or a token went down with the process that had it.
 */
export class WakeLoop implements Waker {
  readonly #connection: Connection;
  readonly #host: WakeHost;
  readonly #watches = new Map<string, Watch>();
  /** Key → its queue and whether it is the inbox. */
  readonly #told = new Map<string, { readonly watch: Watch; readonly inbox: boolean }>();
  readonly #stop = new AbortController();
  /** The queues of the blocking command; undefined while there is none, or it is about to end. */
  #blockedOn: ReadonlySet<Watch> | undefined;
  #nudgedAt = Number.NEGATIVE_INFINITY;
  #nudgeTimer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(connection: Connection, host: WakeHost) {
    this.#connection = connection;
    this.#host = host;
  }

  async wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#stop.signal.aborted) throw closed();
    const watch = this.#watch(queue);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = {
      wake: (): void => {
        watch.remove(waiter);
        resolve();
      },
    };
    // As it is: what the caller gave as a reason is what it waits for.
    const onAbort = (): void => reject(signal.reason);
    const timer = setTimeout(waiter.wake, Math.min(timeout, LONGEST_TIMER_MS));
    signal.addEventListener("abort", onAbort);
    watch.add(waiter);
    this.#start(watch);
    try {
      await promise;
      if (this.#stop.signal.aborted) throw closed();
      if (signal.aborted) {
        // It was woken and will not look: somebody else must.
        this.#handOn(watch);
        throw signal.reason;
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      watch.remove(waiter);
    }
  }

  /** The server says that a key read here has changed; undefined stands for all of them. */
  invalidate(key: string | undefined): void {
    if (key === undefined) return this.reset();
    const told = this.#told.get(key);
    if (told === undefined) return;
    const { watch, inbox } = told;
    watch.armed = false;
    if (!watch.waited) return;
    if (inbox) watch.lookIn(Math.random() * INBOX_SPREAD_MS, false, () => this.#nudge());
    else {
      watch.changed();
      this.#nudgeSoon();
    }
  }

  /** Forgets what was armed and wakes everybody: the connection is new, or the store was emptied. */
  reset(): void {
    for (const watch of this.#watches.values()) {
      watch.armed = false;
      watch.wakeAll();
    }
  }

  /** Rejects all waits with ClosedError. Resolves when nothing runs any more; the connection must be closed for that. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.reset();
    clearTimeout(this.#nudgeTimer);
    await this.#running;
  }

  #watch(queue: string): Watch {
    let watch = this.#watches.get(queue);
    if (watch === undefined) {
      watch = new Watch(this.#host.prefix, queue);
      this.#watches.set(queue, watch);
      const { inbox, ready, ranked, delayed, leases } = watch.keys;
      this.#told.set(inbox, { watch, inbox: true });
      for (const key of [ready, ranked, delayed, leases]) this.#told.set(key, { watch, inbox: false });
    }
    return watch;
  }

  #start(watch: Watch): void {
    if (this.#running === undefined) {
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        // A wait may have begun after the loop last looked.
        const [next] = this.#waitedFor();
        if (next !== undefined && !this.#stop.signal.aborted) this.#start(next);
      });
    } else if (this.#blockedOn?.has(watch) === false) this.#nudge();
    else if (!watch.armed) this.#nudgeSoon();
  }

  #waitedFor(): Watch[] {
    return [...this.#watches.values()].filter((watch) => watch.waited);
  }

  async #run(): Promise<void> {
    for (let watches = this.#waitedFor(); watches.length > 0 && !this.#stop.signal.aborted; watches = this.#waitedFor()) {
      const byKey = new Map(watches.map((watch) => [watch.keys.wake, watch]));
      this.#blockedOn = new Set(watches);
      const seconds = this.#connection.tracking ? BLOCK_SECONDS : BLOCK_SECONDS_UNTOLD;
      try {
        // Written together: reading costs no round trip.
        const arming = watches.filter((watch) => !watch.armed).map((watch) => this.#arm(watch));
        const blocking = this.#connection.send(["BLPOP", ...byKey.keys(), this.#host.nudgeKey, String(seconds)], "once");
        const [reply] = await Promise.all([blocking, ...arming]);
        const key: unknown = Array.isArray(reply) ? reply[0] : undefined;
        const woken = typeof key === "string" ? byKey.get(key) : undefined;
        if (woken !== undefined) this.#handOn(woken);
      } catch (error) {
        await this.#failed(error, watches);
      } finally {
        this.#blockedOn = undefined;
        clearTimeout(this.#nudgeTimer);
        this.#nudgeTimer = undefined;
      }
    }
  }

  /** Looks at a queue, and has the server tell when it changes. */
  async #arm(watch: Watch): Promise<void> {
    const { ready, ranked, delayed, leases, inbox } = watch.keys;
    // Without tracking nothing is ever armed, and each round looks anew.
    watch.armed = this.#connection.tracking;
    let reply: unknown;
    try {
      reply = await this.#connection.send(["EVAL_RO", scripts.peek.source, "5", ready, ranked, delayed, leases, inbox], "once");
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      // A foreign key, or no right to it: whoever looks learns what is wrong, and the other queues go on.
      watch.armed = false;
      if (watch.waited) watch.lookIn(SPREAD_MS, true);
      return;
    }
    if (!watch.waited) return;
    const [messages, bodies, due] = Array.isArray(reply) ? reply.map(Number) : [];
    // Whoever was to be woken may be gone. If not, the BLPOP that follows gets the token.
    if (messages !== 0) watch.lookIn(Math.random() * SPREAD_MS, true);
    if (bodies !== 0) watch.lookIn(Math.random() * INBOX_SPREAD_MS, false, () => this.#nudge());
    if (due !== undefined && due >= 0) watch.lookIn(due + Math.random() * SPREAD_MS, due === 0);
  }

  async #failed(error: unknown, watches: readonly Watch[]): Promise<void> {
    for (const watch of watches) {
      watch.armed = false;
      // The connection broke: let them look for themselves. Or a key is foreign: what is wrong meets them there.
      if (!(error instanceof ErrorReply)) watch.wakeOne();
      else if (watch.waited) watch.lookIn(Math.random() * SPREAD_MS, true);
    }
    if (error instanceof ErrorReply) await pause(SPREAD_MS, this.#stop.signal);
  }

  /** Wakes somebody; if nobody waits here any more, somebody in another process. */
  #handOn(watch: Watch): void {
    // If the push fails the token is lost, and who reads the queue next sees that there are messages.
    if (!watch.wakeOne()) this.#host.push(watch.keys.wake).catch(() => {});
  }

  /** Ends the blocking command in a while, to read again; rarely, however fast the queue changes: it also ends by itself. */
  #nudgeSoon(): void {
    if (this.#blockedOn === undefined || performance.now() - this.#nudgedAt < NUDGE_EVERY_MS) return;
    this.#nudgeTimer ??= setTimeout(() => this.#nudge(), SETTLE_MS + Math.random() * SPREAD_MS);
  }

  #nudge(): void {
    clearTimeout(this.#nudgeTimer);
    this.#nudgeTimer = undefined;
    if (this.#blockedOn === undefined) return;
    this.#blockedOn = undefined;
    this.#nudgedAt = performance.now();
    // If the push fails the connection is down, and the loop begins anew with it. The time to live is for the case that the
    // process dies in between.
    this.#host.push(this.#host.nudgeKey, 10_000).catch(() => {});
  }
}

function closed(): ClosedError {
  return new ClosedError("This connection was closed.");
}
