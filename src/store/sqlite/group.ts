import type { Database } from "./database.ts";
import { exchange, idleExchange } from "./exchanging.ts";
import type { Failure } from "./failures.ts";
import { full, isFull, toFailure } from "./failures.ts";
import { countReady, horizon } from "./horizon.ts";
import { Ledger } from "./ledger.ts";
import type { Answers, Ask, LookAsk, Seen, Verb, Wake } from "./protocol.ts";
import { get, list, queues } from "./reading.ts";
import { Reserve } from "./reserve.ts";
import { send } from "./sending.ts";
import { extend } from "./settling.ts";
import { Wakes } from "./wakes.ts";

/** The requests that touch messages, and so belong in a transaction. */
export type GroupedAsk = Exclude<Ask, { verb: "inspect" | "touch" | "statistics" | "pragma" | "close" }>;

/** What became of a request. */
export type Outcome = { readonly answer: Answers[Verb] } | { readonly failure: Failure };

/**
 * Runs all requests that are waiting in one transaction, so that a thousand concurrent sends wait for one fsync.
 *
 * If one fails, the transaction is rolled back and each is run again in its own, so that it takes no other along.
 * That does what a savepoint around each would do, without its cost while nothing fails; and it holds when SQLite
 * itself rolls back the whole transaction, savepoints included, as it may when the disk is full.
 */
export class GroupCommit {
  readonly #db: Database;
  readonly #ledger: Ledger;
  readonly #wakes = new Wakes();
  readonly #reserve: Reserve;
  #dataVersion = -1;

  constructor(db: Database) {
    this.#db = db;
    this.#ledger = new Ledger(db);
    this.#reserve = new Reserve(db);
  }

  /**
   * Runs requests, in order.
   *
   * @returns what became of each, and what those who wait should learn of.
   */
  run(asks: readonly GroupedAsk[]): { outcomes: Outcome[]; wakes: Wake[] } {
    try {
      const outcomes = this.#read(asks) ?? this.#write(asks);
      return { outcomes, wakes: this.#wakes.all() };
    } catch (error) {
      this.#ledger.rolledBack();
      const failure = toFailure(error, this.#db.path, false, this.#db.committing);
      const alone = asks.length === 1;
      // A full queue must drain itself: whoever ends a lease gets the room kept for that.
      if (alone && isFull(error) && asks[0]?.verb !== "send" && this.#reserve.spend()) return this.run(asks);
      if (alone || failure.outcome === "unknown") return { outcomes: asks.map(() => ({ failure })), wakes: [] };
      const each = asks.map((ask) => this.run([ask]));
      return { outcomes: each.flatMap((one) => one.outcomes), wakes: each.flatMap((one) => one.wakes) };
    }
  }

  /** Answers requests that change nothing, without the write lock; undefined if one of them needs it. */
  #read(asks: readonly GroupedAsk[]): Outcome[] | undefined {
    const writes = (ask: GroupedAsk): boolean =>
      ask.verb === "send" || ask.verb === "extend" || (ask.verb === "exchange" && ask.settle.ids.length > 0);
    if (asks.some(writes)) return undefined;
    return this.#db.read(() => {
      this.#begin();
      const outcomes: Outcome[] = [];
      for (const ask of asks) {
        const answer = ask.verb === "exchange" ? idleExchange(this.#db, this.#ledger, ask) : this.#answer(ask);
        if (answer === undefined) return undefined;
        outcomes.push({ answer });
      }
      return outcomes;
    });
  }

  #write(asks: readonly GroupedAsk[]): Outcome[] {
    const room = this.#reserve.hasRoom(bytesSent(asks));
    return this.#db.write(() => {
      this.#begin();
      const outcomes = asks.map((ask) => {
        if (!room && ask.verb === "send") return { failure: full(this.#db.path, "the disk is full") };
        return { answer: this.#answer(ask) };
      });
      this.#ledger.flush();
      return outcomes;
    });
  }

  #begin(): void {
    this.#ledger.begin();
    this.#wakes.clear();
  }

  #answer(ask: GroupedAsk): Answers[Verb] {
    const db = this.#db;
    const ledger = this.#ledger;
    switch (ask.verb) {
      case "send":
        return send(db, ledger, this.#wakes, ask);
      case "exchange":
        return exchange(db, ledger, this.#wakes, ask);
      case "extend":
        return extend(db, ledger, ask);
      case "get":
        return get(db, ledger, ask.queue, ask.ids);
      case "list":
        return list(db, ledger, ask.queue, ask.request);
      case "counts":
        return ledger.counts(ask.queue);
      case "queues":
        return queues(db);
      case "look":
        return this.#look(ask);
    }
  }

  #look(ask: LookAsk): readonly Seen[] {
    if (ask.ifChanged && !this.#changedByOthers()) return [];
    return ask.queues.map((queue, i) => {
      const id = this.#ledger.find(queue);
      if (id === undefined) return { queue, ready: 0, next: Infinity };
      const { due, expiry } = horizon(this.#db, id);
      return { queue, ready: countReady(this.#db, id, ask.limits[i] ?? 1), next: Math.min(due, expiry) };
    });
  }

  /** Whether another connection committed since the last call. */
  #changedByOthers(): boolean {
    const version = Number(this.#db.sql("PRAGMA data_version").get()?.["data_version"]);
    const changed = version !== this.#dataVersion;
    this.#dataVersion = version;
    return changed;
  }
}

/** The bytes of all bodies to be sent, about. */
function bytesSent(asks: readonly GroupedAsk[]): number {
  return asks.reduce((bytes, ask) => bytes + (ask.verb === "send" ? ask.bytes : 0), 0);
}
