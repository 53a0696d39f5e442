import assert from "node:assert/strict";
import type { Codec } from "../../src/core/codec.ts";
import { TokenSource } from "../../src/core/ids.ts";
import type { ErrorRecord, State } from "../../src/core/state.ts";
import { STATES } from "../../src/core/state.ts";
import type {
  Delivery,
  ExchangeReply,
  ExchangeRequest,
  Lease,
  NewMessage,
  ReceiveRequest,
  Settlement,
  Store,
  StoredMessage,
} from "../../src/store/store.ts";
import type { Harness } from "./harness.ts";

/** A lease nothing outlives by accident, in milliseconds. */
export const LONG = 600_000;
/** A lease or a delay that is over after {@link Bench.outlast}, in milliseconds. On some engines it has to be waited for. */
export const SHORT = 50;
export const CRASH_LIMIT = 3;

export const ERROR: ErrorRecord = { name: "TypeError", message: "no such address", stack: "TypeError: no such address\n    at send" };

/** The parts of a message that matter to a case. */
export interface Draft {
  readonly data?: string;
  readonly codec?: Codec;
  readonly delay?: number;
  readonly priority?: number;
}

/** A message as its holder has it. */
export type Held = Delivery & Lease;

export type Everything = Readonly<Record<State, readonly StoredMessage[]>>;

interface Where {
  /** The handle to use; default the suite's. */
  readonly store?: Store;
}

export interface TakeOptions extends Where {
  readonly max?: number;
  readonly lease?: number;
  readonly crashLimit?: number;
}

/** What a case works with: a store, a queue of its own, and short words for what it does all the time. */
export class Bench {
  readonly store: Store;
  readonly queue: string;
  readonly tokens: TokenSource = new TokenSource();
  readonly #harness: Harness;
  readonly #other: () => Promise<Store>;
  readonly #fresh: () => Promise<Harness>;
  readonly #opened: (() => Promise<void>)[] = [];

  /**
   * @param other the second handle all cases share.
   * @param fresh makes a store of its own.
   */
  constructor(harness: Harness, queue: string, other: () => Promise<Store>, fresh: () => Promise<Harness>) {
    this.store = harness.store;
    this.queue = queue;
    this.#harness = harness;
    this.#other = other;
    this.#fresh = fresh;
  }

  /** A second handle on the same data. Cases share it: don't close it. */
  other(): Promise<Store> {
    return this.#other();
  }

  /** A handle of its own on the same data, closed after the case. */
  async another(): Promise<Store> {
    assert(this.#harness.another !== undefined, 'the case needs "another"');
    const store = await this.#harness.another();
    this.#opened.push(() => store.close());
    return store;
  }

  /** A store of its own, empty, closed after the case. */
  async fresh(): Promise<Harness> {
    const harness = await this.#fresh();
    this.#opened.push(() => harness.close());
    return harness;
  }

  /** Pushes bodies with the engine's plain command. */
  async push(bodies: readonly string[]): Promise<void> {
    assert(this.#harness.inbox !== undefined, 'the case needs "inbox"');
    await this.#harness.inbox(this.queue, bodies);
  }

  async close(): Promise<void> {
    for (const close of this.#opened) await close();
  }

  now(): Promise<number> {
    return this.#harness.now();
  }

  pass(ms: number): Promise<void> {
    return this.#harness.pass(ms);
  }

  /** Lets a lease or a delay of {@link SHORT} end. */
  outlast(): Promise<void> {
    return this.#harness.pass(SHORT + 1);
  }

  async send(draft: Draft = {}, { store = this.store }: Where = {}): Promise<string> {
    const [id] = await store.send(this.queue, [toMessage(draft)]);
    assert(id !== undefined);
    return id;
  }

  sendAll(drafts: readonly Draft[], { store = this.store }: Where = {}): Promise<readonly string[]> {
    return store.send(this.queue, drafts.map(toMessage));
  }

  /** Sends messages that are alike but for their bodies. */
  sendMany(count: number, draft: Draft = {}, where: Where = {}): Promise<readonly string[]> {
    return this.sendAll(
      Array.from({ length: count }, (_, i) => ({ data: String(i), ...draft })),
      where,
    );
  }

  exchange(request: Partial<ExchangeRequest> = {}, { store = this.store }: Where = {}): Promise<ExchangeReply> {
    return store.exchange(this.queue, { settle: [], crashLimit: CRASH_LIMIT, ...request });
  }

  asking(max = 1, lease: number = LONG): ReceiveRequest {
    return { max, lease, token: this.tokens.next() };
  }

  /** Receives what there is, up to `max`. */
  async take({ max = 1, lease = LONG, crashLimit = CRASH_LIMIT, store = this.store }: TakeOptions = {}): Promise<Held[]> {
    const receive = this.asking(max, lease);
    const { received } = await this.exchange({ receive, crashLimit }, { store });
    return received.map((delivery) => ({ ...delivery, token: receive.token }));
  }

  /** Receives one message, which must be there. */
  async takeOne(options: TakeOptions = {}): Promise<Held> {
    const [held] = await this.take({ ...options, max: 1 });
    assert(held !== undefined, "there should be a message to receive");
    return held;
  }

  /** Receives what there is and gives it back: the ids, in the order they are handed out. */
  async peek(): Promise<string[]> {
    const held = await this.take({ max: 1000 });
    await this.exchange({ settle: held.map(({ id, token }) => ({ kind: "release", id, token, delay: 0 })) });
    return held.map(({ id }) => id);
  }

  async settle(settlement: Settlement, where: Where = {}): Promise<boolean> {
    const { settled } = await this.exchange({ settle: [settlement] }, where);
    assert.equal(settled.length, 1);
    return settled[0] === true;
  }

  ack(lease: Lease, where: Where = {}): Promise<boolean> {
    return this.settle({ kind: "ack", id: lease.id, token: lease.token }, where);
  }

  retry(lease: Lease, delay = 0, error: ErrorRecord = ERROR, where: Where = {}): Promise<boolean> {
    return this.settle({ kind: "retry", id: lease.id, token: lease.token, delay, error }, where);
  }

  release(lease: Lease, delay = 0, where: Where = {}): Promise<boolean> {
    return this.settle({ kind: "release", id: lease.id, token: lease.token, delay }, where);
  }

  bury(lease: Lease, where: Where = {}): Promise<boolean> {
    return this.settle({ kind: "dead", id: lease.id, token: lease.token, reason: "failed", error: ERROR }, where);
  }

  async extend(lease: Lease, ms: number, { store = this.store }: Where = {}): Promise<boolean> {
    const held = await store.extend(this.queue, [{ id: lease.id, token: lease.token }], ms);
    assert.equal(held.length, 1);
    return held[0] === true;
  }

  async get(id: string, { store = this.store }: Where = {}): Promise<StoredMessage | undefined> {
    const found = await store.get(this.queue, [id]);
    assert.equal(found.length, 1);
    return found[0];
  }

  /** A message that must be there. */
  async look(id: string): Promise<StoredMessage> {
    const found = await this.get(id);
    assert(found !== undefined, `message ${id} should be in the store`);
    return found;
  }

  /** All messages of a state, in its order. */
  async list(state: State, limit = 1000): Promise<StoredMessage[]> {
    return listAll(this.store, this.queue, state, limit);
  }

  /** All messages, by state. What a call that changes nothing leaves as it is. */
  everything(): Promise<Everything> {
    return listEverything(this.store, this.queue);
  }
}

export function toMessage({ data = "{}", codec = "json", delay = 0, priority = 0 }: Draft): NewMessage {
  return { body: { codec, data }, delay, priority };
}

export async function listAll(store: Store, queue: string, state: State, limit = 1000): Promise<StoredMessage[]> {
  const found: StoredMessage[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list(queue, { state, limit, ...(cursor === undefined ? {} : { cursor }) });
    found.push(...page.messages);
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

export async function listEverything(store: Store, queue: string): Promise<Everything> {
  const [ready = [], delayed = [], active = [], dead = []] = await Promise.all(
    STATES.map((state) => listAll(store, queue, state)),
  );
  return { ready, delayed, active, dead };
}

/** The ids in the order a queue hands out its ready messages: the highest priority first, then in send order. */
export function inOrder(messages: readonly { readonly id: string; readonly priority: number }[]): string[] {
  return messages.toSorted((a, b) => b.priority - a.priority || compare(a.id, b.id)).map(({ id }) => id);
}

/** By code units, as ids sort. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function idsOf(messages: readonly { readonly id: string }[]): string[] {
  return messages.map(({ id }) => id);
}

/** Asserts that an instant lies where it must: the store's clock was read before and after the call that set it. */
export function assertBetween(instant: number | undefined, earliest: number, latest: number): void {
  assert(
    instant !== undefined && instant >= earliest && instant <= latest,
    `${String(instant)} should be from ${earliest} to ${latest}`,
  );
}
