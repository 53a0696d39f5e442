import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../core/clock.ts";
import { encodeBody } from "../core/codec.ts";
import { parseDuration, type Duration } from "../core/duration.ts";
import { BodyError, ClosedError, SendManyError, StoreUnavailableError, abortError, UsageError } from "../core/errors.ts";
import { isId, type TokenSource } from "../core/ids.ts";
import { checkInteger, checkKeys, checkSignal, describe } from "../core/options.ts";
import { type State, STATES } from "../core/state.ts";
import { type Counts, MAX_BATCH, type NewMessage, type Store } from "../store/store.ts";
import { consume, type ConsumeOptions } from "./consume.ts";
import { Exchanger } from "./exchanger.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { Message } from "./message.ts";
import { type MessageInfo, toMessageInfo } from "./message-info.ts";
import { describeIssues, Pull, type Taken } from "./pull.ts";
import { Sender } from "./sender.ts";
import { type Handler, type WorkOptions, Worker } from "./worker.ts";

export interface QueueOptions<Input = unknown, Output = Input> {
  /** Checks bodies on send and gives them their type on receive. Any Standard Schema (Zod, Valibot, ArkType, …). What is stored is the body as it was sent. */
  readonly schema?: StandardSchemaV1<Input, Output>;
  /** Failed attempts after which a message is dead; default 3. Goes for messages received here. */
  readonly attempts?: number;
  /** Vanished holders after which a message is dead; default 3. Goes for leases found run out here. */
  readonly crashes?: number;
}

export interface SendOptions {
  /** How long before it may be received; default 0. */
  readonly delay?: Duration;
  /** 0 to 1,000,000, higher is received first; default 0. Within a priority it is send order. */
  readonly priority?: number;
  /** Gives up waiting. A message that has left for the store is stored all the same. */
  readonly signal?: AbortSignal;
}

/** One message of sendMany. */
export interface SendItem<T> extends Omit<SendOptions, "signal"> {
  readonly body: T;
}

/** What send returns. */
export interface Sent {
  /** The message's id. Ids sort by send order. */
  readonly id: string;
}

export interface ReceiveOptions {
  /** At most this many, 1 to 1,000; default 1. */
  readonly max?: number;
  /** How long the leases last; default 30 seconds. Not extended by itself: call `message.extend`. */
  readonly lease?: Duration;
  /** How long to wait for the first message; default 0. */
  readonly wait?: Duration;
  /** Gives up waiting, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ListOptions {
  readonly state: State;
  /** Messages a page, 1 to 1,000; default 100. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly cursor?: string;
}

const MAX_PRIORITY = 1_000_000;
const MAX_CONCURRENCY = 100_000;
const LONGEST_RECEIVE_WAIT_MS = 3_600_000;
const DEFAULT_LEASE = "30s";
/** A lease shorter than this would run out between two ticks of a busy event loop. */
const SHORTEST_LEASE_MS = 10;

/** What a queue needs of its connection. */
export interface QueueHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly tokens: TokenSource;
  readonly maxBodyBytes: number;
}

/** A queue, by name. Made by `baton.queue`; it needs no creating in the store. */
export class Queue<Input = unknown, Output = Input> {
  readonly name: string;
  readonly #host: QueueHost;
  readonly #schema: StandardSchemaV1<Input, Output> | undefined;
  readonly #sender: Sender;
  readonly #exchanger: Exchanger;
  readonly #keeper: LeaseKeeper;
  readonly #pull: Pull<Output>;
  readonly #workers = new Set<Worker<Output>>();
  readonly #closing = new AbortController();

  /** Made by the library only. */
  constructor(name: string, host: QueueHost, options: QueueOptions<Input, Output> = {}) {
    checkKeys(options, ["schema", "attempts", "crashes"], `queue("${name}")`);
    const { schema, attempts = 3, crashes = 3 } = options;
    if (schema !== undefined && typeof schema["~standard"]?.validate !== "function") {
      throw new UsageError("BATON_OPTION_INVALID", `queue("${name}")'s schema is no Standard Schema; give a Zod, Valibot or ArkType schema, or see standardschema.dev.`);
    }
    checkInteger(attempts, `queue("${name}")'s attempts`, 1, 1_000_000);
    checkInteger(crashes, `queue("${name}")'s crashes`, 1, 1_000_000);
    this.name = name;
    this.#host = host;
    this.#schema = schema;
    this.#sender = new Sender(host.store, name);
    this.#exchanger = new Exchanger(host.store, name, host.clock, host.tokens, crashes);
    this.#keeper = new LeaseKeeper(host.store, name, host.clock);
    this.#pull = new Pull({ queue: name, exchanger: this.#exchanger, keeper: this.#keeper, attempts }, schema);
  }

  /**
   * Sends a message. When it resolves the message is stored, as safely as the store stores (see docs/guarantees.md).
   *
   * @throws BodyError if the body is over the size limit, not JSON, or refused by the schema.
   * @throws StoreFullError if the store has no room.
   * @throws StoreUnavailableError if the connection broke before the reply: whether it is stored is unknown.
   */
  async send(body: Input, options: SendOptions = {}): Promise<Sent> {
    checkKeys(options, ["delay", "priority", "signal"], "queue.send");
    const { delay, priority, signal } = options;
    checkSignal(signal, "queue.send's signal");
    const what = `The body for queue "${this.name}"`;
    const message = this.#newMessage(await this.#checkedBody(body, what), what, delay, priority, "queue.send");
    if (signal?.aborted === true) throw abortError(signal);
    const sent = this.#sender.send(message);
    return { id: await (signal === undefined ? sent : orAborted(sent, signal)) };
  }

  /**
   * Sends many messages, in order. All are checked before any is stored; each thousand is stored wholly or not at all.
   *
   * @throws SendManyError if some could not be stored; it says which were.
   */
  async sendMany(items: Iterable<SendItem<Input>>): Promise<Sent[]> {
    const list = [...items];
    const messages: NewMessage[] = [];
    for (const [i, item] of list.entries()) {
      const where = `item ${i} of queue.sendMany`;
      checkKeys(item, ["body", "delay", "priority"], where);
      if (!("body" in item)) throw new UsageError("BATON_OPTION_INVALID", `${where} has no body. Give { body, delay?, priority? } for each message.`);
      const what = `The body of ${where} for queue "${this.name}"`;
      messages.push(this.#newMessage(await this.#checkedBody(item.body, what), what, item.delay, item.priority, where));
    }
    const results = await Promise.allSettled(messages.map((message) => this.#sender.send(message)));
    const ids = results.map((result) => (result.status === "fulfilled" ? result.value : undefined));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) {
      const stored = ids.filter((id) => id !== undefined).length;
      throw new SendManyError(
        `${ids.length - stored} of ${ids.length} messages for queue "${this.name}" could not be stored: ${failed.reason instanceof Error ? failed.reason.message : String(failed.reason)}`,
        ids,
        { cause: failed.reason },
      );
    }
    return ids.map((id) => ({ id: id ?? "" }));
  }

  /**
   * Receives messages to be settled by hand: each needs `ack`, `nack`, `reject` or `release` before its lease runs out.
   * Waits up to `wait` for the first; returns none if none came.
   */
  async receive(options: ReceiveOptions = {}): Promise<Message<Output>[]> {
    checkKeys(options, ["max", "lease", "wait", "signal"], "queue.receive");
    const max = checkInteger(options.max ?? 1, "queue.receive's max", 1, MAX_BATCH);
    const lease = checkLease(options.lease, "queue.receive's lease");
    const wait = parseDuration(options.wait ?? 0, "queue.receive's wait");
    const signal = checkSignal(options.signal, "queue.receive's signal");
    return this.#receive(max, lease, wait, signal);
  }

  async #receive(max: number, lease: number, wait: number, signal: AbortSignal | undefined): Promise<Message<Output>[]> {
    const { clock, store } = this.#host;
    const deadline = clock.monotonic() + wait;
    const ended = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    for (;;) {
      if (ended.aborted) throw abortError(ended);
      const taken = await this.#take(max, lease, ended, () => clock.monotonic() < deadline);
      if (taken.messages.length > 0) return [...taken.messages];
      const left = deadline - clock.monotonic();
      if (left <= 0) return [];
      if (!taken.more) await store.wait(this.name, Math.min(left, taken.nextDue ?? LONGEST_RECEIVE_WAIT_MS), ended);
    }
  }

  /** Takes what is ready; nothing if the connection broke and there is time to try again. Ends with the signal, also while the store is away. */
  async #take(max: number, lease: number, ended: AbortSignal, mayTryAgain: () => boolean): Promise<Taken<Output>> {
    const taking = this.#pull.take(max, lease, () => {});
    try {
      return await orAborted(taking, ended);
    } catch (error) {
      if (ended.aborted) {
        // What comes after all goes back; if that fails the leases run out.
        taking.then(({ messages }) => Promise.all(messages.map((message) => message.release()))).catch(() => {});
      } else if (error instanceof StoreUnavailableError && mayTryAgain()) {
        return { messages: [], more: true, nextDue: undefined };
      }
      throw error;
    }
  }

  /**
   * Messages one after the other, for `for await`. Each needs `ack`, `nack`, `reject` or `release` before the loop goes on;
   * its lease is extended until then. Leaving the loop gives back a message that was not settled.
   *
   * Ends when the signal aborts.
   */
  consume(options: ConsumeOptions = {}): AsyncGenerator<Message<Output>, void, void> {
    checkKeys(options, ["lease", "signal"], "queue.consume");
    const lease = checkLease(options.lease, "queue.consume's lease");
    const signal = checkSignal(options.signal, "queue.consume's signal");
    return consume(
      (end) => this.#receive(1, lease, LONGEST_RECEIVE_WAIT_MS, end),
      this.#keeper,
      lease,
      signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
    );
  }

  /** Hands messages to a handler, as many at once as `concurrency` says, until the worker is stopped. */
  work(handler: Handler<Output>, options: WorkOptions = {}): Worker<Output> {
    checkKeys(options, ["concurrency", "lease", "timeout", "grace", "signal", "untilEmpty"], "queue.work");
    if (typeof handler !== "function") {
      throw new UsageError("BATON_OPTION_INVALID", `queue.work's handler is ${describe(handler)}; give a function that takes a message.`);
    }
    if (this.#closing.signal.aborted) throw abortError(this.#closing.signal);
    const signal = checkSignal(options.signal, "queue.work's signal");
    const settings = {
      concurrency: checkInteger(options.concurrency ?? 1, "queue.work's concurrency", 1, MAX_CONCURRENCY),
      lease: checkLease(options.lease, "queue.work's lease"),
      timeout: options.timeout === undefined ? undefined : parseDuration(options.timeout, "queue.work's timeout"),
      grace: parseDuration(options.grace ?? "30s", "queue.work's grace"),
      untilEmpty: options.untilEmpty ?? false,
    };
    const { clock, store } = this.#host;
    const worker = new Worker<Output>(
      {
        queue: this.name,
        clock,
        pull: this.#pull,
        keeper: this.#keeper,
        wait: (timeout, end) => store.wait(this.name, timeout, end),
        counts: () => store.counts(this.name),
      },
      handler,
      settings,
    );
    this.#workers.add(worker);
    const onAbort = (): void => void worker.stop();
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener("abort", onAbort);
    void worker.stopped.finally(() => {
      this.#workers.delete(worker);
      signal?.removeEventListener("abort", onAbort);
    });
    return worker;
  }

  /** How many messages are in each state. */
  counts(): Promise<Counts> {
    return this.#host.store.counts(this.name);
  }

  /** Looks a message up; undefined if it is not in the store (any more). */
  async get(id: string): Promise<MessageInfo | undefined> {
    if (!isId(id)) return undefined;
    const [found] = await this.#host.store.get(this.name, [id]);
    return found === undefined ? undefined : toMessageInfo(this.name, found);
  }

  /** The messages of one state, a page at a time, in the order they will be received, fall due, run out or died. */
  async list(options: ListOptions): Promise<{ messages: MessageInfo[]; next: string | undefined }> {
    checkKeys(options, ["state", "limit", "cursor"], "queue.list");
    const { state, limit = 100, cursor } = options;
    if (!STATES.includes(state)) {
      throw new UsageError("BATON_OPTION_INVALID", `queue.list's state is ${describe(state)}; give one of ${STATES.join(", ")}.`);
    }
    checkInteger(limit, "queue.list's limit", 1, MAX_BATCH);
    const page = await this.#host.store.list(this.name, { state, limit, ...(cursor === undefined ? {} : { cursor }) });
    return { messages: page.messages.map((message) => toMessageInfo(this.name, message)), next: page.next };
  }

  /** For the library: stops workers and waits, and resolves when all that was asked for has ended. */
  async close(grace: number | undefined): Promise<void> {
    this.#closing.abort(new ClosedError(`Queue "${this.name}" was closed.`));
    await Promise.all([...this.#workers].map((worker) => worker.stop(grace === undefined ? {} : { grace })));
    await Promise.all([this.#sender.close(), this.#exchanger.close()]);
    this.#keeper.close();
  }

  async #checkedBody(body: Input, what: string): Promise<Input> {
    if (this.#schema === undefined) return body;
    const result = await this.#schema["~standard"].validate(body);
    if (result.issues === undefined) return body;
    throw new BodyError(
      "BATON_BODY_INVALID",
      `${what} was refused by the schema: ${describeIssues(result.issues)}. Nothing was sent.`,
      { issues: result.issues },
    );
  }

  #newMessage(body: Input, what: string, delay: Duration | undefined, priority: number | undefined, where: string): NewMessage {
    return {
      body: encodeBody(body, what, this.#host.maxBodyBytes),
      delay: delay === undefined ? 0 : parseDuration(delay, `${where}'s delay`),
      priority: priority === undefined ? 0 : checkInteger(priority, `${where}'s priority`, 0, MAX_PRIORITY),
    };
  }
}

function checkLease(value: Duration | undefined, name: string): number {
  const lease = parseDuration(value ?? DEFAULT_LEASE, name);
  if (lease < SHORTEST_LEASE_MS) {
    throw new UsageError("BATON_OPTION_INVALID", `${name} is ${lease} ms; give at least ${SHORTEST_LEASE_MS} ms, better some seconds.`);
  }
  return lease;
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(abortError(signal));
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
