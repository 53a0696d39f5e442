import type { Store } from "../../src/store/store.ts";

type Verb = "send" | "exchange" | "extend" | "list" | "counts" | "get";

/** What to do to a call: wait first (the store is away), throw before it happens, or throw after it happened (the reply is lost). */
export interface Fault {
  readonly until?: Promise<unknown>;
  readonly before?: Error;
  readonly after?: Error;
}

/** A store between the client and a real one: counts calls, and fails those it is told to. */
export class FaultyStore implements Store {
  readonly calls: { readonly verb: Verb; readonly size: number }[] = [];
  /** Called after each call was noted. */
  onCall: (() => void) | undefined;
  readonly #inner: Store;
  readonly #faults: { readonly verb: Verb; readonly fault: Fault }[] = [];

  constructor(inner: Store) {
    this.#inner = inner;
  }

  /** Fails the next call of this verb. */
  failNext(verb: Verb, fault: Fault): void {
    this.#faults.push({ verb, fault });
  }

  count(verb: Verb): number {
    return this.calls.filter((call) => call.verb === verb).length;
  }

  send: Store["send"] = (queue, messages) => this.#call("send", messages.length, () => this.#inner.send(queue, messages));
  exchange: Store["exchange"] = (queue, request) =>
    this.#call("exchange", request.settle.length, () => this.#inner.exchange(queue, request));
  extend: Store["extend"] = (queue, leases, ms) => this.#call("extend", leases.length, () => this.#inner.extend(queue, leases, ms));
  get: Store["get"] = (queue, ids) => this.#call("get", ids.length, () => this.#inner.get(queue, ids));
  list: Store["list"] = (queue, request) => this.#call("list", request.limit, () => this.#inner.list(queue, request));
  counts: Store["counts"] = (queue) => this.#call("counts", 0, () => this.#inner.counts(queue));
  wait: Store["wait"] = (queue, timeout, signal) => this.#inner.wait(queue, timeout, signal);
  queues: Store["queues"] = () => this.#inner.queues();
  inspect: Store["inspect"] = () => this.#inner.inspect();
  close: Store["close"] = () => this.#inner.close();
  onAvailability: Store["onAvailability"] = (listener) => this.#inner.onAvailability(listener);

  async #call<T>(verb: Verb, size: number, run: () => Promise<T>): Promise<T> {
    this.calls.push({ verb, size });
    this.onCall?.();
    const place = this.#faults.findIndex((entry) => entry.verb === verb);
    const [entry] = place < 0 ? [] : this.#faults.splice(place, 1);
    await entry?.fault.until;
    if (entry?.fault.before !== undefined) throw entry.fault.before;
    const reply = await run();
    if (entry?.fault.after !== undefined) throw entry.fault.after;
    return reply;
  }
}
