import { newTail } from "../../core/ids.ts";
import { STATES } from "../../core/state.ts";
import type { State } from "../../core/state.ts";
import type { Counts } from "../store.ts";
import { STATE_CODES } from "./codes.ts";
import type { Database } from "./database.ts";

/*
 * What a transaction keeps in memory and writes once, before it commits: the last sequence handed out and the changes
 * to the queues' counters. In a group commit of a thousand sends that saves two thousand updates.
 */
export class Ledger {
  readonly #db: Database;
  /** Ids of the queues known to be in the file. They are never deleted. */
  readonly #ids = new Map<string, number>();
  /** Changes to counters not yet written: queue id to one number for each state. */
  readonly #changes = new Map<number, number[]>();
  #lastSequence: number | undefined;
  #handedOut = false;
  #tail: string | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Forgets what the transaction before left; to be called first in every transaction, as it may be run again. */
  begin(): void {
    this.#changes.clear();
    this.#lastSequence = undefined;
    this.#handedOut = false;
    this.#tail = undefined;
  }

  /** The random tail of the ids this transaction hands out. One for all: drawing it costs more than storing a message. */
  get tail(): string {
    this.#tail ??= newTail();
    return this.#tail;
  }

  /** Forgets queues that were added in a transaction that was rolled back. */
  rolledBack(): void {
    this.#ids.clear();
  }

  /** The queue's id, if the queue is in the file. */
  find(queue: string): number | undefined {
    const known = this.#ids.get(queue);
    if (known !== undefined) return known;
    const row = this.#db.sql("SELECT id FROM queues WHERE name = ?").get(queue);
    if (row === undefined) return undefined;
    const id = Number(row["id"]);
    this.#ids.set(queue, id);
    return id;
  }

  /** The queue's id; adds the queue if it is new. */
  need(queue: string): number {
    const found = this.find(queue);
    if (found !== undefined) return found;
    const id = Number(this.#db.sql("INSERT INTO queues (name) VALUES (?)").run(queue).lastInsertRowid);
    this.#ids.set(queue, id);
    return id;
  }

  /** The first of `count` new sequences in a row: the clock's microseconds, or what follows the last one if that is larger. */
  nextSequences(count: number, now: number): number {
    this.#lastSequence ??= Number(this.#db.sql("SELECT last_sequence FROM store").get()?.["last_sequence"] ?? 0);
    const first = Math.max(Math.floor(now * 1000), this.#lastSequence + 1);
    this.#lastSequence = first + count - 1;
    this.#handedOut = true;
    return first;
  }

  /** Notes that `count` messages of a queue came into a state, or left it if negative. */
  count(queue: number, state: State, count: number): void {
    if (count === 0) return;
    let changes = this.#changes.get(queue);
    if (changes === undefined) {
      changes = STATES.map(() => 0);
      this.#changes.set(queue, changes);
    }
    const code = STATE_CODES[state];
    changes[code] = (changes[code] ?? 0) + count;
  }

  /** Writes what was noted; to be called last in every write transaction, and before counters are read in one. */
  flush(): void {
    if (this.#handedOut) {
      this.#db.sql("UPDATE store SET last_sequence = ?").run(this.#lastSequence ?? 0);
      this.#handedOut = false;
    }
    if (this.#changes.size === 0) return;
    const update = this.#db.sql(
      "UPDATE queues SET ready = ready + ?, delayed = delayed + ?, active = active + ?, dead = dead + ? WHERE id = ?",
    );
    for (const [queue, changes] of this.#changes) update.run(...changes, queue);
    this.#changes.clear();
  }

  /** How many messages of a queue are in each state. */
  counts(queue: string): Counts {
    this.flush();
    const row = this.#db.sql("SELECT ready, delayed, active, dead FROM queues WHERE name = ?").get(queue);
    const of = (state: State): number => Number(row?.[state] ?? 0);
    return { ready: of("ready"), delayed: of("delayed"), active: of("active"), dead: of("dead") };
  }
}
