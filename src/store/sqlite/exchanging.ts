import { sequenceOf, SEQUENCE_DIGITS, makeId } from "../../core/ids.ts";
import type { ReceiveRequest } from "../store.ts";
import type { Database } from "./database.ts";
import type { Ledger } from "./ledger.ts";
import type { Answers, Ask, Deliveries, ExchangeAsk, Settled } from "./protocol.ts";
import { column, REASONS, STATE_CODES } from "./protocol.ts";
import type { Wakes } from "./wakes.ts";

/** Bounds of what one call heals, so that no call takes long. */
const MOST_LEASES_ENDED = 100;
const MOST_DUE = 1000;

const { ready: READY, delayed: DELAYED, active: ACTIVE, dead: DEAD } = STATE_CODES;

/** A lease is held if this finds the message. */
const HELD = `seq = ? AND queue = ? AND state = ${ACTIVE} AND token = ? AND tail = ?`;
const FIRST_OF_STATE = "SELECT place FROM messages WHERE queue = ? AND state = ? ORDER BY place, seq LIMIT 1";

/** Heals the queue, ends leases, hands out new ones. */
export function exchange(db: Database, ledger: Ledger, wakes: Wakes, ask: ExchangeAsk): Answers["exchange"] {
  const { queue, now, receive } = ask;
  const id = receive === undefined ? ledger.find(queue) : ledger.need(queue);
  if (id === undefined) {
    return { settled: ask.settle.ids.map(() => false), received: undefined, more: false, nextDue: undefined };
  }
  const healed = endLeases(db, ledger, id, now, ask.crashLimit) + makeDueReady(db, ledger, id, now);
  const { settled, cameBack } = settle(db, ledger, id, ask);
  const received = receive === undefined ? undefined : handOut(db, ledger, id, now, receive);
  wakes.cameReady(queue, healed + cameBack);
  if (received !== undefined && received.ids.length > 0) {
    wakes.left(queue, (limit) => countReady(db, id, limit));
  }
  return { settled, received, more: hasReady(db, id), nextDue: nextDue(db, id, now) };
}

/** The reply to an exchange that has nothing to do, or undefined if there is something: it then needs a write transaction. */
export function idleExchange(db: Database, ledger: Ledger, ask: ExchangeAsk): Answers["exchange"] | undefined {
  if (ask.settle.ids.length > 0) return undefined;
  const id = ledger.find(ask.queue);
  if (id === undefined) return undefined;
  const more = hasReady(db, id);
  const due = nextDue(db, id, ask.now);
  if (due === 0 || (more && ask.receive !== undefined)) return undefined;
  return { settled: [], received: undefined, more, nextDue: due };
}

/** Makes held leases run out at `now` + `ms`. */
export function extend(db: Database, ledger: Ledger, ask: Extract<Ask, { verb: "extend" }>): readonly boolean[] {
  const id = ledger.find(ask.queue);
  if (id === undefined) return ask.leases.ids.map(() => false);
  const update = db.sql(`UPDATE messages SET place = ? WHERE ${HELD}`);
  const expiry = ask.now + Math.round(ask.ms);
  return ask.leases.ids.map((message, i) => {
    return update.run(expiry, sequenceOf(message), id, ask.leases.tokens[i] ?? "", tailOf(message)).changes !== 0;
  });
}

/** How many messages of a queue are ready, counted up to `limit`. */
export function countReady(db: Database, queue: number, limit: number): number {
  const count = `SELECT count(*) AS n FROM (SELECT 1 FROM messages WHERE queue = ? AND state = ${READY} LIMIT ?)`;
  return Number(db.sql(count).get(queue, limit)?.["n"] ?? 0);
}

/** @returns how many became ready. */
function endLeases(db: Database, ledger: Ledger, queue: number, now: number, crashLimit: number): number {
  const select = `SELECT seq, crashes FROM messages WHERE queue = ? AND state = ${ACTIVE} AND place <= ? ORDER BY place, seq LIMIT ${MOST_LEASES_ENDED}`;
  const over = db.sql(select).all(queue, now);
  if (over.length === 0) return 0;
  const back = db.sql(
    `UPDATE messages SET state = ${READY}, place = -priority, token = NULL, crashes = crashes + 1 WHERE seq = ?`,
  );
  const die = db.sql(
    `UPDATE messages SET state = ${DEAD}, place = ?, token = NULL, crashes = crashes + 1,
       reason = ${REASONS.indexOf("crashed")} WHERE seq = ?`,
  );
  let dead = 0;
  for (const row of over) {
    const seq = Number(row["seq"]);
    if (Number(row["crashes"]) + 1 >= crashLimit) {
      die.run(now, seq);
      dead += 1;
    } else {
      back.run(seq);
    }
  }
  ledger.count(queue, "active", -over.length);
  ledger.count(queue, "dead", dead);
  ledger.count(queue, "ready", over.length - dead);
  return over.length - dead;
}

/** @returns how many became ready. */
function makeDueReady(db: Database, ledger: Ledger, queue: number, now: number): number {
  const update = db.sql(
    `UPDATE messages SET state = ${READY}, place = -priority WHERE seq IN (
       SELECT seq FROM messages WHERE queue = ? AND state = ${DELAYED} AND place <= ? ORDER BY place, seq LIMIT ${MOST_DUE})`,
  );
  const due = Number(update.run(queue, now).changes);
  ledger.count(queue, "delayed", -due);
  ledger.count(queue, "ready", due);
  return due;
}

interface SettleResult {
  readonly settled: readonly boolean[];
  /** How many became ready. */
  readonly cameBack: number;
}

function settle(db: Database, ledger: Ledger, queue: number, ask: ExchangeAsk): SettleResult {
  const { ids, tokens } = ask.settle;
  if (ids.length === 0) return { settled: [], cameBack: 0 };
  const remove = db.sql(`DELETE FROM messages WHERE ${HELD}`);
  const change = db.sql(
    `UPDATE messages SET state = ?, place = coalesce(?, -priority), token = NULL, failures = failures + ?,
       error = coalesce(?, error), reason = ? WHERE ${HELD}`,
  );
  let ended = 0;
  const came = { ready: 0, delayed: 0, dead: 0 };
  const settled = ids.map((message, i) => {
    const lease = [sequenceOf(message), queue, tokens[i] ?? "", tailOf(message)] as const;
    const kind = ask.kinds?.[i];
    let held: boolean;
    if (kind === undefined) {
      held = remove.run(...lease).changes !== 0;
    } else {
      const { state, place, failures, error, reason } = outcome(kind, ask.now);
      held = change.run(STATE_CODES[state], place, failures, error, reason, ...lease).changes !== 0;
      if (held) came[state] += 1;
    }
    if (held) ended += 1;
    return held;
  });
  ledger.count(queue, "active", -ended);
  ledger.count(queue, "ready", came.ready);
  ledger.count(queue, "delayed", came.delayed);
  ledger.count(queue, "dead", came.dead);
  return { settled, cameBack: came.ready };
}

interface Outcome {
  readonly state: "ready" | "delayed" | "dead";
  /** null: by priority. */
  readonly place: number | null;
  readonly failures: number;
  readonly error: string | null;
  readonly reason: number | null;
}

function outcome(settled: Settled, now: number): Outcome {
  const error = "error" in settled && settled.error !== undefined ? JSON.stringify(settled.error) : null;
  if (settled.kind === "dead") {
    const failures = settled.reason === "failed" ? 1 : 0;
    return { state: "dead", place: now, failures, error, reason: REASONS.indexOf(settled.reason) };
  }
  const failures = settled.kind === "retry" ? 1 : 0;
  const delay = Math.round(settled.delay);
  if (delay > 0) return { state: "delayed", place: now + delay, failures, error, reason: null };
  return { state: "ready", place: null, failures, error, reason: null };
}

/**
 * Leases the first ready messages. Read, then written one by one: as fast as one UPDATE … RETURNING (measured at 1,000
 * and at 1), whose rows come in no particular order.
 */
function handOut(db: Database, ledger: Ledger, queue: number, now: number, request: ReceiveRequest): Deliveries {
  const select = db.sql(
    `SELECT seq, tail, codec, coalesce(body, (SELECT data FROM bodies WHERE bodies.seq = messages.seq), '') AS body,
       priority, failures, crashes
     FROM messages WHERE queue = ? AND state = ${READY} ORDER BY place, seq LIMIT ?`,
  );
  const rows = select.all(queue, request.max);
  const lease = db.sql(`UPDATE messages SET state = ${ACTIVE}, place = ?, token = ? WHERE seq = ?`);
  const expiry = now + Math.round(request.lease);
  const ids: string[] = [];
  const data: string[] = [];
  const codecs: number[] = [];
  const priorities: number[] = [];
  const failures: number[] = [];
  const crashes: number[] = [];
  for (const row of rows) {
    const seq = row["seq"] as number;
    lease.run(expiry, request.token, seq);
    ids.push(makeId(seq, row["tail"] as string));
    data.push(row["body"] as string);
    codecs.push(row["codec"] as number);
    priorities.push(row["priority"] as number);
    failures.push(row["failures"] as number);
    crashes.push(row["crashes"] as number);
  }
  ledger.count(queue, "ready", -rows.length);
  ledger.count(queue, "active", rows.length);
  return {
    ids,
    data,
    codecs: column(codecs),
    priorities: column(priorities),
    failures: column(failures),
    crashes: column(crashes),
  };
}

function hasReady(db: Database, queue: number): boolean {
  return db.sql(`SELECT 1 FROM messages WHERE queue = ? AND state = ${READY} LIMIT 1`).get(queue) !== undefined;
}

/** Milliseconds until the next delayed message is due or the next lease runs out. */
function nextDue(db: Database, queue: number, now: number): number | undefined {
  const first = db.sql(FIRST_OF_STATE);
  const due = first.get(queue, DELAYED)?.["place"];
  const expiry = first.get(queue, ACTIVE)?.["place"];
  if (due === undefined && expiry === undefined) return undefined;
  return Math.max(0, Math.min(Number(due ?? Infinity), Number(expiry ?? Infinity)) - now);
}

/** What follows the sequence in an id. */
function tailOf(id: string): string {
  return id.slice(SEQUENCE_DIGITS);
}
