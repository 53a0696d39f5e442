import type { EncodedBody } from "../core/codec.ts";
import type { DeadReason, ErrorRecord, State } from "../core/state.ts";

/*
 * The contract between the runtime and the engines. `docs/contract.md` says of every verb what must hold before and
 * after; the conformance suite in `test/conformance/` states the same as tests, and every engine passes all of it.
 *
 * All verbs are atomic: they happen wholly or not at all, and nothing happens in between. They never hand out, change or
 * count what they were not asked for, with one exception, healing, that `exchange` begins with.
 *
 * `queue` names one partition. Queue names are checked before they come here, as are all values: engines trust them.
 */

/** The most messages one call may send, settle or receive. Keeps every Redis script under 10 ms. */
export const MAX_BATCH = 1000;

/** A message to be stored. */
export interface NewMessage {
  readonly body: EncodedBody;
  /** Milliseconds before it may be received. */
  readonly delay: number;
  /** 0 to 1,000,000; higher is received first. */
  readonly priority: number;
}

/** The right to settle a message: the message and the token it was received with. */
export interface Lease {
  readonly id: string;
  readonly token: string;
}

/** How a holder ends a lease. */
export type Settlement = Lease &
  (
    | { readonly kind: "ack" }
    /** The attempt failed: count it, and make the message ready again after `delay` milliseconds. */
    | { readonly kind: "retry"; readonly delay: number; readonly error: ErrorRecord }
    /** Give the message up. Counts a failure unless the reason is `rejected` or `unreadable`. */
    | { readonly kind: "dead"; readonly reason: DeadReason; readonly error?: ErrorRecord }
    /** Give the message back: nothing is counted; it is ready again after `delay` milliseconds. */
    | { readonly kind: "release"; readonly delay: number }
  );

/** What to receive. */
export interface ReceiveRequest {
  /** 1 to {@link MAX_BATCH}. */
  readonly max: number;
  /** Milliseconds until the leases run out. */
  readonly lease: number;
  /** The token of all leases this call hands out; never used before. */
  readonly token: string;
}

export interface ExchangeRequest {
  /** At most {@link MAX_BATCH}, no id twice. */
  readonly settle: readonly Settlement[];
  readonly receive?: ReceiveRequest;
  /** How many times a message's holder may vanish before it is dead with the reason `crashed`. */
  readonly crashLimit: number;
}

export interface ExchangeReply {
  /** For each settlement, in order: whether the lease was held. If not, nothing was changed. */
  readonly settled: readonly boolean[];
  /** Highest priority first, then in send order. */
  readonly received: readonly Delivery[];
  /** Whether ready messages are left. */
  readonly more: boolean;
  /** Milliseconds until the next delayed message is due or the next lease runs out, if there is one. */
  readonly nextDue: number | undefined;
}

/** A message as its holder gets it. */
export interface Delivery {
  readonly id: string;
  readonly body: EncodedBody;
  readonly priority: number;
  /** Attempts that failed so far. */
  readonly failures: number;
  /** Holders that vanished so far. */
  readonly crashes: number;
}

/** A message as it can be looked at. */
export interface StoredMessage extends Delivery {
  readonly state: State;
  /** `delayed` only: when it is due, in milliseconds since the Unix epoch by the store's clock. */
  readonly dueAt?: number;
  /** `active` only: when its lease runs out, in milliseconds since the Unix epoch by the store's clock. */
  readonly leaseExpiresAt?: number;
  /** `active` only: the token it was received with. */
  readonly token?: string;
  /** `dead` only. */
  readonly reason?: DeadReason;
  /** `dead` only: in milliseconds since the Unix epoch by the store's clock. */
  readonly diedAt?: number;
  /** The last failure. */
  readonly error?: ErrorRecord;
}

export interface ListRequest {
  readonly state: State;
  /** 1 to {@link MAX_BATCH}. */
  readonly limit: number;
  /** The `next` of the page before. */
  readonly cursor?: string;
}

export interface Page {
  /** `ready` in the order they will be received; `delayed` by due time; `active` by lease expiry; `dead` by time of death; then by id. */
  readonly messages: readonly StoredMessage[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: string | undefined;
}

export type Counts = Readonly<Record<State, number>>;

/** What the store says of itself. */
export interface StoreInfo {
  readonly engine: "sqlite" | "redis";
  /** The server's or library's name and version. */
  readonly version: string;
  /** Where the data is, without secrets. */
  readonly location: string;
  /** In a sentence: what survives which crash. */
  readonly durability: string;
  /** What is set up in a way that will hurt, and how to mend it. */
  readonly warnings: readonly string[];
}

export interface Store {
  /**
   * Stores messages, all or none, in the order given.
   * @returns their ids, in the same order. Ids sort by send order.
   */
  send(queue: string, messages: readonly NewMessage[]): Promise<readonly string[]>;

  /**
   * Heals the queue, then ends leases, then hands out new ones.
   *
   * Healing: leases that ran out are ended (a crash is counted; over the limit the message is dead), delayed messages
   * that are due become ready, and bodies pushed by other programs become messages.
   */
  exchange(queue: string, request: ExchangeRequest): Promise<ExchangeReply>;

  /**
   * Makes held leases run out `ms` milliseconds from now.
   * @returns for each lease, in order: whether it was held. If not, nothing was changed.
   */
  extend(queue: string, leases: readonly Lease[], ms: number): Promise<readonly boolean[]>;

  /**
   * Waits until there may be something to receive: a message was sent or came back, or `timeout`
   * milliseconds passed. May resolve for nothing. One new message ends one wait, not all. What falls due ends a wait
   * seconds later at the latest, so that the messages of a holder that vanished are found by those who are idle.
   *
   * @throws the signal's reason when it aborts.
   */
  wait(queue: string, timeout: number, signal: AbortSignal): Promise<void>;

  /** Looks messages up by id; undefined for those that are not in the store. */
  get(queue: string, ids: readonly string[]): Promise<readonly (StoredMessage | undefined)[]>;

  /** The messages of one state, a page at a time, with work bounded by the page. */
  list(queue: string, request: ListRequest): Promise<Page>;

  /** How many messages are in each state. */
  counts(queue: string): Promise<Counts>;

  /** The names of all queues anything was ever sent to or received from, sorted. */
  queues(): Promise<readonly string[]>;

  /** Looks the store over. */
  inspect(): Promise<StoreInfo>;

  /** Ends all waits, and the connection. Idempotent. Calls after it throw `ClosedError`. */
  close(): Promise<void>;

  /** Calls `listener` when the store is lost (with the error) and when it is back (with undefined). Returns a function that stops it. */
  onAvailability(listener: (lost: Error | undefined) => void): () => void;
}
