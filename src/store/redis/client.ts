import { createClient, ErrorReply } from "@redis/client";
import { StoreError } from "../../core/errors.ts";
import { fromReply, isDenied } from "./errors.ts";
import type { Address, RedisTarget } from "./url.ts";

/** What is used of the client library's client. */
export interface Client {
  sendCommand(args: readonly string[]): Promise<unknown>;
  destroy(): void;
}

export interface DialOptions {
  readonly address: Address;
  /** How to log in. */
  readonly target: Pick<RedisTarget, "username" | "password" | "tls" | "database" | "display">;
  /** Milliseconds until the server must have answered the login. */
  readonly timeout: number;
  /** Gives up connecting. */
  readonly signal: AbortSignal;
  /** Called with each key that was read here and has changed since (`undefined`: all of them). Switches tracking on. */
  readonly onInvalidate?: (key: string | undefined) => void;
  /** Called when the connection breaks, after dial() has resolved. May be called more than once. */
  readonly onLost: (client: Client, error: Error) => void;
}

/** The server knows no CLIENT TRACKING, or this user may not use it. */
export class TrackingRefusedError extends Error {}

/**
 * Makes one connection, for one use: it never reconnects, so what is in flight when it breaks is surely rejected, never
 * sent again behind our back.
 *
 * @throws StoreError `BATON_STORE_DENIED` if the server refuses the login.
 * @throws TrackingRefusedError
 * @throws Error whatever else went wrong; trying again may help.
 */
export async function dial({ address, target, timeout, signal, onInvalidate, onLost }: DialOptions): Promise<Client> {
  const giveUp = new AbortController();
  const client = createClient({
    socket: {
      ...address,
      ...(target.tls ? { tls: true as const, servername: address.host } : {}),
      connectTimeout: timeout,
      reconnectStrategy: false,
      signal: giveUp.signal,
    },
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    database: target.database,
    RESP: 3,
    name: "baton",
    disableClientInfo: true,
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    // The library's own limit is on the time before a command is written: a busy event loop would look like a dead server.
    commandOptions: { timeout: 0 },
    emitInvalidate: onInvalidate !== undefined,
  });
  client.on("error", (error: Error) => onLost(client, error));
  client.on("end", () => onLost(client, new Error("the server closed the connection")));
  if (onInvalidate !== undefined) {
    client.on("invalidate", (key: Buffer | string | null) => onInvalidate(key === null ? undefined : key.toString()));
  }
  // The socket's own limit ends with the connecting: a server that accepts and then says nothing would hold us for ever.
  let why = new Error(`no answer to the login within ${Math.round(timeout)} ms`);
  const stop = (): void => {
    client.destroy();
    giveUp.abort(why);
  };
  const onAbort = (): void => {
    why = new Error("connecting was given up");
    stop();
  };
  const timer = setTimeout(stop, timeout);
  signal.addEventListener("abort", onAbort);
  try {
    if (signal.aborted) onAbort();
    await client.connect();
    return client;
  } catch (error) {
    client.destroy();
    if (giveUp.signal.aborted) throw why;
    if (!(error instanceof ErrorReply)) throw error;
    if (onInvalidate !== undefined && /tracking/i.test(error.message)) throw new TrackingRefusedError(error.message);
    throw isDenied(error) ? fromReply(error, "the login", target.display) : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/** Whether trying again is of no use. */
export function isFinal(error: unknown): boolean {
  return error instanceof StoreError;
}
