import { ClientClosedError, ClientOfflineError, ErrorReply } from "@redis/client";
import { fullJitter } from "../../core/backoff.ts";
import { ClosedError, StoreUnavailableError, StoreUnreachableError } from "../../core/errors.ts";
import { type Client, dial, isFinal, TrackingRefusedError } from "./client.ts";
import { isMisplaced, isMoved, isPassing, messageOf } from "./errors.ts";
import { pause } from "./pause.ts";
import type { Address, RedisTarget } from "./url.ts";
import { Watchdog } from "./watchdog.ts";

/** What may be done with a call whose reply was lost: send it again, or give up. */
export type Repeat = "repeatable" | "once";

/** Something commands can be sent over: one connection, or a cluster's. */
export interface Line {
  /**
   * Sends one command and resolves with its reply. Waits while the server is away, loading, failing over or busy.
   *
   * @param key one of the command's keys; tells a cluster where to send it.
   * @throws ErrorReply (the client's) for an error reply.
   * @throws StoreUnavailableError `unknown` if it was sent once and its reply was lost.
   * @throws ClosedError after close().
   */
  send(args: readonly string[], repeat: Repeat, key: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  readonly target: RedisTarget;
  /** Where the server is; asked anew for each attempt. */
  readonly locate: (timeout: number) => Promise<Address>;
  /** Milliseconds the first connect may take. */
  readonly connectTimeout: number;
  /** Milliseconds without any reply, while one is due, after which the connection counts as dead. */
  readonly silenceLimit: number;
  /** Whether a MOVED reply means that this connection belongs elsewhere; else the reply is the caller's. */
  readonly follows?: boolean;
  /** Called with each new connection, before any call gets it. */
  readonly prepare?: (client: Client) => Promise<void>;
  /** See DialOptions. */
  readonly onInvalidate?: (key: string | undefined) => void;
  /** Called when the connection is lost (with the error) and when it is back. */
  readonly onAvailability?: (lost: Error | undefined) => void;
}

export const RECONNECT_BASE_MS = 50;
export const RECONNECT_CAP_MS = 2000;
const ATTEMPT_TIMEOUT_MS = 5000;
const SHORT_ATTEMPT_MS = 250;

/**
 * One connection that mends itself: it reconnects for ever with jitter, asks anew where to each time, and notices when the
 * other side has gone silent. Calls made while it is down wait.
 */
export class Connection implements Line {
  readonly #options: ConnectionOptions;
  readonly #watchdog: Watchdog;
  readonly #stop = new AbortController();
  #client: Client | undefined;
  #ready: PromiseWithResolvers<Client> = Promise.withResolvers();
  #tracking: boolean;
  #lostBy: unknown;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#tracking = options.onInvalidate !== undefined;
    this.#ready.promise.catch(() => {});
    this.#watchdog = new Watchdog(options.silenceLimit, () => {
      if (this.#client !== undefined) this.#lost(this.#client, new Error(`no reply for ${options.silenceLimit} ms`));
    });
  }

  /** Connects in the background. */
  static start(options: ConnectionOptions): Connection {
    const connection = new Connection(options);
    void connection.#reconnect(false);
    return connection;
  }

  /**
   * Connects.
   *
   * @throws StoreUnreachableError if no attempt succeeds within the connect timeout.
   * @throws StoreError `BATON_STORE_DENIED` if the server refuses the login.
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    const deadline = performance.now() + options.connectTimeout;
    let why: unknown;
    for (let attempt = 0; ; attempt += 1) {
      const left = Math.max(1, deadline - performance.now());
      try {
        await connection.#connect(Math.min(left, ATTEMPT_TIMEOUT_MS));
        return connection;
      } catch (error) {
        if (isFinal(error)) throw error;
        // What an attempt that had hardly any time says is less than what one before said.
        if (why === undefined || left > SHORT_ATTEMPT_MS) why = error;
        const wait = fullJitter(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS);
        if (performance.now() + wait < deadline) await pause(wait, connection.#stop.signal);
        else throw unreachable(options, why);
      }
    }
  }

  /** Whether the server tells of changed keys. It does not if this user may not use CLIENT TRACKING. */
  get tracking(): boolean {
    return this.#tracking;
  }

  /** See Line. */
  async send(args: readonly string[], repeat: Repeat): Promise<unknown> {
    for (let attempt = 0; ; attempt += 1) {
      if (this.#stop.signal.aborted) throw closed();
      const client = this.#client ?? (await this.#ready.promise);
      try {
        return await this.#watchdog.watch(client.sendCommand(args));
      } catch (error) {
        if (this.#stop.signal.aborted) throw closed();
        const misplaced = isMisplaced(error) || (this.#options.follows === true && isMoved(error));
        if (error instanceof ErrorReply && !misplaced && !isPassing(error)) throw error;
        if (misplaced || !(error instanceof ErrorReply)) this.#lost(client, error);
        if (error instanceof ErrorReply) {
          await pause(fullJitter(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS), this.#stop.signal);
        } else if (repeat === "once" && !neverLeft(error)) throw unknownOutcome(this.#options.target.display, this.#lostBy);
      }
    }
  }

  /** Closes the connection at once; what is in flight or waiting rejects with ClosedError. Idempotent. */
  close(): Promise<void> {
    this.#stop.abort();
    this.#ready.reject(closed());
    this.#watchdog.stop();
    const client = this.#client;
    this.#client = undefined;
    client?.destroy();
    return Promise.resolve();
  }

  async #connect(timeout: number): Promise<void> {
    const { target, locate, prepare, onInvalidate } = this.#options;
    const started = performance.now();
    const address = await locate(timeout);
    const client = await dial({
      address,
      target,
      timeout: Math.max(1, timeout - (performance.now() - started)),
      signal: this.#stop.signal,
      ...(this.#tracking && onInvalidate !== undefined ? { onInvalidate } : {}),
      onLost: (lost, error) => this.#lost(lost, error),
    }).catch((error: unknown) => {
      if (error instanceof TrackingRefusedError) this.#tracking = false;
      throw error;
    });
    try {
      if (prepare !== undefined) await this.#watchdog.watch(prepare(client));
    } catch (error) {
      client.destroy();
      throw error;
    }
    if (this.#stop.signal.aborted) {
      client.destroy();
      throw closed();
    }
    this.#client = client;
    this.#ready.resolve(client);
  }

  #lost(client: Client, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#lostBy = error;
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => {});
    client.destroy();
    this.#options.onAvailability?.(error instanceof Error ? error : new Error(String(error)));
    void this.#reconnect(true);
  }

  /** @param again whether there was a connection before. */
  async #reconnect(again: boolean): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      if (again || attempt > 0) await pause(fullJitter(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS), this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      try {
        await this.#connect(ATTEMPT_TIMEOUT_MS);
        if (again) this.#options.onAvailability?.(undefined);
        return;
      } catch {
        // Whatever it was, also a refused login: an operator may be mending it. Calls wait, and the next attempt tells.
      }
    }
  }
}

/** The client refused the command before it wrote it: the connection had just broken. */
function neverLeft(error: unknown): boolean {
  return error instanceof ClientClosedError || error instanceof ClientOfflineError;
}

function closed(): ClosedError {
  return new ClosedError("This connection was closed.");
}

/** The connection broke before the reply came. */
export function unknownOutcome(where: string, cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(
    `The connection to ${where} broke before the reply came (${messageOf(cause)}); whether the call took effect is unknown.`,
    "unknown",
    { cause },
  );
}

function unreachable({ target, connectTimeout }: ConnectionOptions, cause: unknown): StoreUnreachableError {
  return new StoreUnreachableError(
    `${target.display} did not answer within ${connectTimeout} ms: ${messageOf(cause)}. ` +
      "Check that the server runs and that host and port are right; connectTimeout can be raised in connect().",
    { cause },
  );
}
