import type { Clock } from "../../src/core/clock.ts";
import { ClosedError } from "../../src/core/errors.ts";
import { makeId, newTail } from "../../src/core/ids.ts";
import type {
  Counts,
  ExchangeReply,
  ExchangeRequest,
  Lease,
  ListRequest,
  NewMessage,
  Page,
  Store,
  StoredMessage,
  StoreInfo,
} from "../../src/store/store.ts";
import { compare } from "./bench.ts";
import { Model } from "./model.ts";

interface Wait {
  readonly queue: string;
  readonly owner: ModelStore;
  readonly end: () => void;
  readonly fail: (reason: unknown) => void;
}

/** What all handles share. */
export class ModelData {
  readonly clock: Clock;
  readonly queues: Map<string, Model> = new Map();
  readonly waits: Set<Wait> = new Set();
  #sequence = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  ids(count: number): string[] {
    const first = Math.max(this.clock.now() * 1000, this.#sequence + 1);
    this.#sequence = first + count - 1;
    const tail = newTail();
    return Array.from({ length: count }, (_, i) => makeId(first + i, tail));
  }

  need(queue: string): Model {
    const model = this.queues.get(queue) ?? new Model();
    this.queues.set(queue, model);
    return model;
  }

  wake(queue: string, count: number): void {
    let left = count;
    for (const wait of this.waits) {
      if (left === 0) return;
      if (wait.queue !== queue) continue;
      wait.end();
      left -= 1;
    }
  }
}

/** The model as a store: it shows that the suite asks for nothing that can't be had, and each of its faults that a case finds it. */
export class ModelStore implements Store {
  readonly #data: ModelData;
  #closed = false;

  constructor(data: ModelData) {
    this.#data = data;
  }

  async send(queue: string, messages: readonly NewMessage[]): Promise<readonly string[]> {
    this.#check();
    const { clock } = this.#data;
    const ids = this.#data.ids(messages.length);
    this.#data.need(queue).send(messages, ids, clock.now());
    this.#data.wake(queue, messages.length);
    return ids;
  }

  async exchange(queue: string, request: ExchangeRequest): Promise<ExchangeReply> {
    this.#check();
    const now = this.#data.clock.now();
    const model = request.receive === undefined ? this.#data.queues.get(queue) : this.#data.need(queue);
    if (model === undefined) return { settled: request.settle.map(() => false), received: [], more: false, nextDue: undefined };
    const reply = model.exchange(request, now);
    // Who waits must learn also of what is due sooner than all it knows.
    if (reply.more || reply.received.length > 0 || reply.settled.includes(true)) this.#data.wake(queue, Math.max(1, model.counts().ready));
    return reply;
  }

  async extend(queue: string, leases: readonly Lease[], ms: number): Promise<readonly boolean[]> {
    this.#check();
    return this.#data.queues.get(queue)?.extend(leases, ms, this.#data.clock.now()) ?? leases.map(() => false);
  }

  async wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    this.#check();
    if (signal.aborted) throw signal.reason;
    if ((this.#data.queues.get(queue)?.counts().ready ?? 0) > 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait: Wait = {
      queue,
      owner: this,
      end: () => {
        this.#data.waits.delete(wait);
        resolve();
      },
      fail: (reason) => {
        // At once: a wait that was aborted must not take the wake-up of one that goes on.
        this.#data.waits.delete(wait);
        reject(reason);
      },
    };
    const cancel = this.#data.clock.after(timeout, resolve);
    const onAbort = (): void => wait.fail(signal.reason);
    signal.addEventListener("abort", onAbort);
    this.#data.waits.add(wait);
    try {
      await promise;
    } finally {
      cancel();
      signal.removeEventListener("abort", onAbort);
      this.#data.waits.delete(wait);
    }
  }

  async get(queue: string, ids: readonly string[]): Promise<readonly (StoredMessage | undefined)[]> {
    this.#check();
    return ids.map((id) => this.#data.queues.get(queue)?.get(id));
  }

  async list(queue: string, { state, limit, cursor }: ListRequest): Promise<Page> {
    this.#check();
    const all = this.#data.queues.get(queue)?.list(state) ?? [];
    const after = cursor === undefined ? all : all.filter((message) => isAfter(message, cursor));
    const messages = after.slice(0, limit);
    const last = messages.at(-1);
    return { messages, next: last !== undefined && after.length > limit ? placeOf(last).join("|") : undefined };
  }

  async counts(queue: string): Promise<Counts> {
    this.#check();
    return this.#data.queues.get(queue)?.counts() ?? { ready: 0, delayed: 0, active: 0, dead: 0 };
  }

  async queues(): Promise<readonly string[]> {
    this.#check();
    return [...this.#data.queues.keys()].toSorted(compare);
  }

  async inspect(): Promise<StoreInfo> {
    this.#check();
    const durability = "Nothing survives the process.";
    return { engine: "sqlite", version: "model 1.0", location: "this process", durability, warnings: [] };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wait of this.#data.waits) if (wait.owner === this) wait.fail(new ClosedError("This connection was closed."));
  }

  onAvailability(): () => void {
    return () => {};
  }

  #check(): void {
    if (this.#closed) throw new ClosedError("This connection was closed.");
  }
}

function placeOf({ id, state, priority, dueAt, leaseExpiresAt, diedAt }: StoredMessage): [number, string] {
  return [state === "ready" ? -priority : (dueAt ?? leaseExpiresAt ?? diedAt ?? 0), id];
}

function isAfter(message: StoredMessage, cursor: string): boolean {
  const [place, id] = placeOf(message);
  const [cursorPlace = "", cursorId = ""] = cursor.split("|");
  return place > Number(cursorPlace) || (place === Number(cursorPlace) && id > cursorId);
}
