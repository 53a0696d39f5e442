import { REASONS, STATE_CODES } from "./codes.ts";
import type { Database } from "./database.ts";
import type { Ledger } from "./ledger.ts";
import type { Ask, ExchangeAsk, Settled } from "./protocol.ts";
import { seqOf, tailOf } from "./seq.ts";

/** A lease is held if this finds the message. */
const HELD = `seq = ? AND queue = ? AND state = ${STATE_CODES.active} AND token = ? AND tail = ?`;

/** What became of the leases that were to be ended. */
export interface SettleResult {
  /** For each: whether it was held. */
  readonly settled: readonly boolean[];
  /** How many messages became ready. */
  readonly cameBack: number;
  /** When the first is due of those that became delayed; Infinity if none did. */
  readonly firstDue: number;
}

/** Ends leases. */
export function settle(db: Database, ledger: Ledger, queue: number, ask: ExchangeAsk): SettleResult {
  const { ids, tokens } = ask.settle;
  if (ids.length === 0) return { settled: [], cameBack: 0, firstDue: Infinity };
  const remove = db.sql(`DELETE FROM messages WHERE ${HELD}`);
  const change = db.sql(
    `UPDATE messages SET state = ?, place = coalesce(?, -priority), token = NULL, failures = failures + ?,
       error = coalesce(?, error), reason = ? WHERE ${HELD}`,
  );
  let ended = 0;
  let firstDue = Infinity;
  const came = { ready: 0, delayed: 0, dead: 0 };
  const settled = ids.map((id, i) => {
    const seq = seqOf(id);
    const token = tokens[i] ?? "";
    const tail = tailOf(id);
    const kind = ask.kinds?.[i];
    let held: boolean;
    if (kind === undefined) {
      held = remove.run(seq, queue, token, tail).changes !== 0;
    } else {
      const { state, place, failures, error, reason } = outcome(kind, ask.now);
      held = change.run(STATE_CODES[state], place, failures, error, reason, seq, queue, token, tail).changes !== 0;
      if (held) came[state] += 1;
      if (held && state === "delayed") firstDue = Math.min(firstDue, place ?? Infinity);
    }
    if (held) ended += 1;
    return held;
  });
  ledger.count(queue, "active", -ended);
  ledger.count(queue, "ready", came.ready);
  ledger.count(queue, "delayed", came.delayed);
  ledger.count(queue, "dead", came.dead);
  return { settled, cameBack: came.ready, firstDue };
}

/** Makes held leases run out at `now` + `ms`. */
export function extend(db: Database, ledger: Ledger, ask: Extract<Ask, { verb: "extend" }>): readonly boolean[] {
  const { ids, tokens } = ask.leases;
  const queue = ledger.find(ask.queue);
  if (queue === undefined) return ids.map(() => false);
  const update = db.sql(`UPDATE messages SET place = ? WHERE ${HELD}`);
  const expiry = ask.now + Math.round(ask.ms);
  return ids.map((id, i) => {
    const { changes } = update.run(expiry, seqOf(id), queue, tokens[i] ?? "", tailOf(id));
    return changes !== 0;
  });
}

interface Outcome {
  readonly state: "ready" | "delayed" | "dead";
  /** null: by priority. */
  readonly place: number | null;
  readonly failures: number;
  /** null: the one before stays. */
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
