import { createClient, ErrorReply } from "@redis/client";
import { fullJitter } from "../../core/backoff.ts";
import { ClosedError, StoreError, StoreUnavailableError, StoreUnreachableError } from "../../core/errors.ts";
import { fromReply, isDemoted, isDenied, isPassing } from "./errors.ts";
import { findMaster } from "./sentinel.ts";
import type { RedisTarget } from "./url.ts";

/** What is used of the client library's client. */
interface Client {
  readonly isOpen: boolean;
  sendCommand(args: readonly string[]): Promise<unknown>;
  destroy(): void;
}

/** What may be done with a call whose reply was lost. */
export type Repeat = "repeatable" | "once";

export interface ConnectionOptions {
  readonly target: RedisTarget;
  /** Milliseconds the first connect may take. */
  readonly connectTimeout: number;
  /** Milliseconds without any reply, while one is due, after which the connection counts as dead. */
  readonly silenceLimit: number;
  /** Called with each key that was read here and has changed since (`undefined`: all of them). Switches tracking on. */
  readonly onInvalidate?: (key: string | undefined) => void;
  /** Called when the connection is lost (with the error) and when it is back. */
  readonly onAvailability: (lost: Error | undefined) => void;
}

const RECONNECT_BASE_MS = 50;
const RECONNECT_CAP_MS = 2000;
const ATTEMPT_TIMEOUT_MS = 5000;

/**
 * One connection that mends itself: it reconnects for ever with jitter, asks the sentinels anew each time, and notices
 * when the other side has gone silent. Calls made while it is down wait.
 *
 * It makes a new client for each connection instead of letting the client reconnect, because then what was in flight is
 * surely rejected, never sent again behind our back.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  #client: Client | undefined;
  #ready: PromiseWithResolvers<Client> = Promise.withResolvers();
  #closed = false;
  #tracking: boolean;
  #inFlight = 0;
  #heard = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #reconnecting: Promise<void> | undefined;
  readonly #stop = new AbortController();

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#tracking = options.onInvalidate !== undefined;
    this.#ready.promise.catch(() => {});
  }

  /**
   * @throws StoreUnreachableError if no attempt succeeds within the connect timeout.
   * @throws StoreError `BATON_STORE_DENIED` if the server refuses the login.
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    const deadline = performance.now() + options.connectTimeout;
    for (let attempt = 0; ; attempt += 1) {
      const left = deadline - performance.now();
      try {
        await connection.#connect(Math.max(1, Math.min(left, ATTEMPT_TIMEOUT_MS)));
        return connection;
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const pause = fullJitter(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS);
        if (deadline - performance.now() > pause) {
          await connection.#sleep(pause);
          continue;
        }
        throw new StoreUnreachableError(
          `${options.target.display} did not answer within ${options.connectTimeout} ms: ${messageOf(error)}. ` +
            "Check that the server runs and that host and port are right; connectTimeout can be raised in connect().",
          { cause: error },
        );
      }
    }
  }

  /** Whether the server tells of changed keys. It does not if this user may not use CLIENT TRACKING. */
  get tracking(): boolean {
    return this.#tracking;
  }

  /**
   * Sends one command and resolves with its reply.
   *
   * Waits while the server is away, loading, failing over or busy. An error reply rejects with the client's `ErrorReply`.
   *
   * @param repeat what to do if the connection breaks before the reply: send the command again, or give up.
   * @throws StoreUnavailableError `unknown` if it was sent once and its reply was lost.
   * @throws ClosedError after close().
   */
  async send(args: readonly string[], repeat: Repeat): Promise<unknown> {
    for (let attempt = 0; ; attempt += 1) {
      const client = this.#client ?? (await this.#ready.promise);
      try {
        return await this.#watched(client, args);
      } catch (error) {
        if (this.#closed) throw closed();
        if (error instanceof ErrorReply) {
          if (!isPassing(error)) throw error;
          if (isDemoted(error)) this.#lost(client, error);
          await this.#sleep(fullJitter(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS));
          continue;
        }
        this.#lost(client, error);
        if (repeat === "repeatable") continue;
        throw new StoreUnavailableError(
          `The connection to ${this.#options.target.display} broke before the reply came (${messageOf(error)}); ` +
            "whether the call took effect is unknown. Send again with a deduplication key of your own if a second copy would hurt.",
          "unknown",
          { cause: error },
        );
      }
    }
  }

  /** Closes the connection at once; what is in flight or waiting rejects with ClosedError. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop.abort();
    this.#ready.reject(closed());
    clearInterval(this.#watchdog);
    this.#client?.destroy();
    this.#client = undefined;
    await this.#reconnecting;
  }

  async #watched(client: Client, args: readonly string[]): Promise<unknown> {
    if (this.#inFlight === 0) this.#heard = performance.now();
    this.#inFlight += 1;
    this.#watchdog ??= setInterval(() => this.#checkSilence(), 1000).unref();
    try {
      return await client.sendCommand(args);
    } finally {
      this.#heard = performance.now();
      this.#inFlight -= 1;
    }
  }

  #checkSilence(): void {
    if (this.#inFlight === 0) {
      clearInterval(this.#watchdog);
      this.#watchdog = undefined;
    } else if (performance.now() - this.#heard > this.#options.silenceLimit && this.#client !== undefined) {
      this.#lost(this.#client, new Error(`no reply for ${this.#options.silenceLimit} ms`));
    }
  }

  async #connect(timeout: number): Promise<void> {
    const { target, onInvalidate } = this.#options;
    const address = target.kind === "sentinel" ? await findMaster(target, timeout) : target.addresses[0];
    const client = createClient({
      socket: {
        ...address,
        ...(target.tls ? { tls: true as const, servername: address.host } : {}),
        connectTimeout: timeout,
        reconnectStrategy: false,
      },
      ...(target.username === undefined ? {} : { username: target.username }),
      ...(target.password === undefined ? {} : { password: target.password }),
      database: target.database,
      RESP: 3,
      name: "baton",
      disableClientInfo: true,
      disableOfflineQueue: true,
      maintNotifications: "disabled",
      emitInvalidate: this.#tracking,
    });
    client.on("error", (error: Error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, new Error("the server closed the connection")));
    if (onInvalidate !== undefined) {
      client.on("invalidate", (key: Buffer | null) => onInvalidate(key === null ? undefined : key.toString()));
    }
    // A server that accepts and then says nothing would hold the handshake for ever.
    const timer = setTimeout(() => client.destroy(), timeout);
    try {
      await client.connect();
    } catch (error) {
      if (client.isOpen) client.destroy();
      if (isDenied(error) && error instanceof ErrorReply) {
        // A user who may not use CLIENT TRACKING can do without: it only makes some wake-ups faster.
        if (!this.#tracking || !/tracking/i.test(error.message)) throw fromReply(error, "the login", target.display);
        this.#tracking = false;
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
    if (this.#closed) {
      client.destroy();
      throw closed();
    }
    this.#client = client;
    this.#ready.resolve(client);
  }

  #lost(client: Client, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    if (client.isOpen) client.destroy();
    if (this.#closed) return;
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => {});
    this.#options.onAvailability(error instanceof Error ? error : new Error(String(error)));
    this.#reconnecting = this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt += 1) {
      await this.#sleep(fullJitter(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS));
      if (this.#closed) return;
      try {
        await this.#connect(ATTEMPT_TIMEOUT_MS);
        this.#options.onAvailability(undefined);
        return;
      } catch {
        // Whatever it was, also a refused login: an operator may be mending it. Calls wait, and the next attempt tells.
      }
    }
  }

  #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { signal } = this.#stop;
    if (signal.aborted) return Promise.resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    return promise;
  }
}

function closed(): ClosedError {
  return new ClosedError("This connection was closed.");
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
