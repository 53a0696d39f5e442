import type { DeadReason, ErrorRecord, State } from "../../src/core/state.ts";
import type {
  Counts,
  Delivery,
  ExchangeReply,
  ExchangeRequest,
  Lease,
  NewMessage,
  Settlement,
  StoredMessage,
} from "../../src/store/store.ts";
import { compare } from "./bench.ts";

const MOST_LEASES_ENDED = 100;
const MOST_DUE = 1000;

interface Entry {
  readonly id: string;
  readonly body: NewMessage["body"];
  readonly priority: number;
  state: State;
  /** When it is due, its lease runs out, or it died; by state. */
  at: number;
  failures: number;
  crashes: number;
  token?: string;
  reason?: DeadReason;
  error?: ErrorRecord;
}

/** One queue as `docs/contract.md` has it, with no thought for speed. Time and ids come from outside. */
export class Model {
  readonly #entries = new Map<string, Entry>();

  send(messages: readonly NewMessage[], ids: readonly string[], now: number): void {
    messages.forEach(({ body, priority, delay }, i) => {
      const id = ids[i] ?? "";
      const entry: Entry = { id, body, priority, state: "ready", at: 0, failures: 0, crashes: 0 };
      comeBack(entry, delay, now);
      this.#entries.set(id, entry);
    });
  }

  exchange({ settle, receive, crashLimit }: ExchangeRequest, now: number): ExchangeReply {
    this.#heal(crashLimit, now);
    const settled = settle.map((settlement) => this.#settle(settlement, now));
    const received: Delivery[] = [];
    if (receive !== undefined) {
      for (const entry of this.#in("ready").slice(0, receive.max)) {
        const { id, body, priority, failures, crashes } = entry;
        received.push({ id, body, priority, failures, crashes });
        entry.state = "active";
        entry.token = receive.token;
        entry.at = now + receive.lease;
      }
    }
    return { settled, received, more: this.#in("ready").length > 0, nextDue: this.#nextDue(now) };
  }

  extend(leases: readonly Lease[], ms: number, now: number): boolean[] {
    return leases.map((lease) => {
      const entry = this.#held(lease);
      if (entry !== undefined) entry.at = now + ms;
      return entry !== undefined;
    });
  }

  get(id: string): StoredMessage | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : toStored(entry);
  }

  list(state: State): StoredMessage[] {
    return this.#in(state).map(toStored);
  }

  counts(): Counts {
    const of = (state: State): number => this.#in(state).length;
    return { ready: of("ready"), delayed: of("delayed"), active: of("active"), dead: of("dead") };
  }

  #heal(crashLimit: number, now: number): void {
    const over = (state: State): Entry[] => this.#in(state).filter(({ at }) => at <= now);
    const due = over("delayed").slice(0, MOST_DUE);
    for (const entry of over("active").slice(0, MOST_LEASES_ENDED)) {
      entry.crashes += 1;
      if (entry.crashes >= crashLimit) die(entry, "crashed", now);
      else comeBack(entry, 0, now);
    }
    for (const entry of due) comeBack(entry, 0, now);
  }

  #settle(settlement: Settlement, now: number): boolean {
    const entry = this.#held(settlement);
    if (entry === undefined) return false;
    if ("error" in settlement && settlement.error !== undefined) entry.error = settlement.error;
    switch (settlement.kind) {
      case "ack":
        this.#entries.delete(entry.id);
        break;
      case "retry":
        entry.failures += 1;
        comeBack(entry, settlement.delay, now);
        break;
      case "release":
        comeBack(entry, settlement.delay, now);
        break;
      case "dead":
        if (settlement.reason === "failed") entry.failures += 1;
        die(entry, settlement.reason, now);
    }
    return true;
  }

  #held({ id, token }: Lease): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry?.state === "active" && entry.token === token ? entry : undefined;
  }

  /** The entries of a state in its order. */
  #in(state: State): Entry[] {
    const place = (entry: Entry): number => (state === "ready" ? -entry.priority : entry.at);
    return [...this.#entries.values()]
      .filter((entry) => entry.state === state)
      .sort((a, b) => place(a) - place(b) || compare(a.id, b.id));
  }

  #nextDue(now: number): number | undefined {
    const next = [...this.#in("delayed"), ...this.#in("active")].map(({ at }) => at);
    return next.length === 0 ? undefined : Math.max(0, Math.min(...next) - now);
  }
}

function comeBack(entry: Entry, delay: number, now: number): void {
  delete entry.token;
  entry.state = delay > 0 ? "delayed" : "ready";
  entry.at = now + delay;
}

function die(entry: Entry, reason: DeadReason, now: number): void {
  delete entry.token;
  entry.state = "dead";
  entry.reason = reason;
  entry.at = now;
}

function toStored({ at, token, reason, error, ...entry }: Entry): StoredMessage {
  return {
    ...entry,
    ...(entry.state === "delayed" ? { dueAt: at } : {}),
    ...(entry.state === "active" ? { leaseExpiresAt: at, token: token ?? "" } : {}),
    ...(entry.state === "dead" ? { diedAt: at, reason: reason ?? "failed" } : {}),
    ...(error === undefined ? {} : { error }),
  };
}
