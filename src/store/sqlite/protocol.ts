import type { DeadReason, ErrorRecord } from "../../core/state.ts";
import type {
  Counts,
  ListRequest,
  Page,
  ReceiveRequest,
  StoredMessage,
  StoreInfo,
} from "../store.ts";
import type { Failure } from "./failures.ts";

/*
 * What the two threads say to each other. Cloning costs per value, more per object: 1,000 messages as objects take
 * 0.9 ms there and back, as columns 0.2 ms. So what comes in thousands is sent as columns, and a column that is all
 * zero is left out.
 */

/** Numbers of a column; undefined when all are 0. */
export type Column = readonly number[] | undefined;

/** What is asked of the thread. `now` is milliseconds by the injected clock: the database is never asked for the time. */
export type Ask =
  | SendAsk
  | ExchangeAsk
  | { readonly verb: "extend"; readonly queue: string; readonly now: number; readonly leases: Leases; readonly ms: number }
  | { readonly verb: "get"; readonly queue: string; readonly ids: readonly string[] }
  | { readonly verb: "list"; readonly queue: string; readonly request: ListRequest }
  | { readonly verb: "counts"; readonly queue: string }
  | { readonly verb: "queues" }
  | LookAsk
  | { readonly verb: "inspect" }
  | { readonly verb: "touch" }
  | { readonly verb: "statistics" }
  | { readonly verb: "pragma"; readonly text: string }
  | { readonly verb: "close" };

export interface SendAsk {
  readonly verb: "send";
  readonly queue: string;
  readonly now: number;
  readonly count: number;
  /** Bytes of all bodies, about. */
  readonly bytes: number;
  /** The bodies; as the text of a JSON array if `sendAsk` found them plain. */
  readonly data: readonly string[] | string;
  readonly codecs: Column;
  readonly delays: Column;
  readonly priorities: Column;
}

export interface ExchangeAsk {
  readonly verb: "exchange";
  readonly queue: string;
  readonly now: number;
  readonly settle: Leases;
  /** For each settlement what it is, or undefined for an ack; the whole left out when all are acks. */
  readonly kinds: readonly (Settled | undefined)[] | undefined;
  readonly receive: ReceiveRequest | undefined;
  readonly crashLimit: number;
}

/** What there is of the queues that are waited for. */
export interface LookAsk {
  readonly verb: "look";
  readonly queues: readonly string[];
  /** How many waits each has: ready messages are counted up to these. */
  readonly limits: readonly number[];
  /** Whether to look only if another connection has changed the file since the last time. */
  readonly ifChanged: boolean;
}

/** What was seen of a queue. */
export interface Seen {
  readonly queue: string;
  readonly ready: number;
  /** When the next delayed message is due or the next lease runs out; Infinity if there is none. */
  readonly next: number;
}

export interface Leases {
  readonly ids: readonly string[];
  readonly tokens: readonly string[];
}

/** A settlement other than an ack, without its lease. */
export type Settled =
  | { readonly kind: "retry"; readonly delay: number; readonly error: ErrorRecord }
  | { readonly kind: "dead"; readonly reason: DeadReason; readonly error?: ErrorRecord }
  | { readonly kind: "release"; readonly delay: number };

/** What the thread answers to each verb. */
export interface Answers {
  /** The sequence of the first message, the others follow it; and the tail they share. */
  readonly send: { readonly first: number; readonly tail: string };
  readonly exchange: {
    readonly settled: readonly boolean[];
    readonly received: Deliveries | undefined;
    readonly more: boolean;
    readonly nextDue: number | undefined;
  };
  readonly extend: readonly boolean[];
  readonly get: readonly (StoredMessage | undefined)[];
  readonly list: Page;
  readonly counts: Counts;
  readonly queues: readonly string[];
  readonly look: readonly Seen[];
  readonly inspect: StoreInfo;
  readonly touch: undefined;
  readonly statistics: Statistics;
  readonly pragma: unknown;
  readonly close: undefined;
}

export type Verb = Ask["verb"];

/** What a thread has done since it began. */
export interface Statistics {
  /** Requests answered, without this kind. */
  readonly requests: number;
  /** Write transactions committed. */
  readonly commits: number;
}

export interface Deliveries {
  readonly ids: readonly string[];
  readonly data: readonly string[];
  readonly codecs: Column;
  readonly priorities: Column;
  readonly failures: Column;
  readonly crashes: Column;
}

/** How a thread is set up. */
export interface ThreadData {
  readonly path: string;
  readonly synchronous: "full" | "normal";
  /** Milliseconds. */
  readonly connectTimeout: number;
}

/** To the thread: number and request, in turn. */
export type Post = readonly (number | Ask)[];

/** What those who wait for a queue should learn of. */
export interface Wake {
  readonly queue: string;
  /** How many messages became ready. */
  readonly ready: number;
  /** When the delayed message is due that is now the first. */
  readonly due: number | undefined;
}

/** From the thread. */
export type Reply =
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly failure: Failure }
  | {
      readonly kind: "answers";
      /** Number and answer, in turn. */
      readonly answers: readonly unknown[];
      /** Number and failure, in turn. */
      readonly failures: readonly (number | Failure)[];
      readonly wakes: readonly Wake[];
    };
