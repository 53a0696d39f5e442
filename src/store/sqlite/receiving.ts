import { makeId } from "../../core/ids.ts";
import type { ReceiveRequest } from "../store.ts";
import { STATE_CODES } from "./codes.ts";
import { column } from "./columns.ts";
import type { Database } from "./database.ts";
import type { Ledger } from "./ledger.ts";
import type { Deliveries } from "./protocol.ts";

const SELECT = `SELECT seq, tail, codec, body, priority, failures, crashes FROM messages
  WHERE queue = ? AND state = ${STATE_CODES.ready} ORDER BY place, seq LIMIT ?`;
const LEASE = `UPDATE messages SET state = ${STATE_CODES.active}, place = ?, token = ? WHERE seq = ?`;

/**
 * Leases the first ready messages.
 *
 * Read, then written one by one: as fast as one UPDATE … RETURNING (measured at 1,000 and at 1), whose rows come in no
 * particular order.
 */
export function receive(
  db: Database,
  ledger: Ledger,
  queue: number,
  now: number,
  request: ReceiveRequest,
): Deliveries | undefined {
  const rows = db.sql(SELECT).all(queue, request.max);
  if (rows.length === 0) return undefined;
  const lease = db.sql(LEASE);
  const expiry = now + Math.round(request.lease);
  const ids: string[] = [];
  const data: string[] = [];
  const codecs: number[] = [];
  const priorities: number[] = [];
  const failures: number[] = [];
  const crashes: number[] = [];
  for (const row of rows) {
    const seq = Number(row["seq"]);
    lease.run(expiry, request.token, seq);
    ids.push(makeId(seq, String(row["tail"])));
    data.push(typeof row["body"] === "string" ? row["body"] : largeBody(db, seq));
    codecs.push(Number(row["codec"]));
    priorities.push(Number(row["priority"]));
    failures.push(Number(row["failures"]));
    crashes.push(Number(row["crashes"]));
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

/** A body that is kept apart. One that is missing is empty: no codec reads it, so its message is found unreadable. */
function largeBody(db: Database, seq: number): string {
  return String(db.sql("SELECT data FROM bodies WHERE seq = ?").get(seq)?.["data"] ?? "");
}
