import { REASONS, STATE_CODES } from "./codes.ts";
import type { Database } from "./database.ts";
import type { Horizon } from "./horizon.ts";
import type { Ledger } from "./ledger.ts";

/** Bounds of what one call heals, so that no call takes long. */
const MOST_LEASES_ENDED = 100;
const MOST_DUE = 1000;

const { ready: READY, delayed: DELAYED, active: ACTIVE, dead: DEAD } = STATE_CODES;

/**
 * Ends leases that ran out and makes delayed messages ready that are due.
 *
 * @returns how many messages became ready.
 */
export function heal(
  db: Database,
  ledger: Ledger,
  queue: number,
  now: number,
  crashLimit: number,
  before: Horizon,
): number {
  const back = before.expiry <= now ? endLeases(db, ledger, queue, now, crashLimit) : 0;
  const due = before.due <= now ? makeDueReady(db, ledger, queue, now) : 0;
  return back + due;
}

function endLeases(db: Database, ledger: Ledger, queue: number, now: number, crashLimit: number): number {
  const over = db
    .sql(
      `SELECT seq, crashes FROM messages WHERE queue = ? AND state = ${ACTIVE} AND place <= ?
       ORDER BY place, seq LIMIT ${MOST_LEASES_ENDED}`,
    )
    .all(queue, now);
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

function makeDueReady(db: Database, ledger: Ledger, queue: number, now: number): number {
  const update = db.sql(
    `UPDATE messages SET state = ${READY}, place = -priority WHERE seq IN (
       SELECT seq FROM messages WHERE queue = ? AND state = ${DELAYED} AND place <= ?
       ORDER BY place, seq LIMIT ${MOST_DUE})`,
  );
  const due = Number(update.run(queue, now).changes);
  ledger.count(queue, "delayed", -due);
  ledger.count(queue, "ready", due);
  return due;
}
