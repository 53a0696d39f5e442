import { STATE_CODES } from "./codes.ts";
import type { Database } from "./database.ts";

const { ready: READY, delayed: DELAYED, active: ACTIVE } = STATE_CODES;

/** What of a queue there is to do now, and when there will be more. */
export interface Horizon {
  /** Whether messages are ready. */
  readonly ready: boolean;
  /** When the next delayed message is due; Infinity if there is none. */
  readonly due: number;
  /** When the next lease runs out; Infinity if there is none. */
  readonly expiry: number;
}

const FIRST = (state: number): string =>
  `(SELECT place FROM messages WHERE queue = ?1 AND state = ${state} ORDER BY place LIMIT 1)`;
const HORIZON = `SELECT ${FIRST(READY)} AS ready, ${FIRST(DELAYED)} AS due, ${FIRST(ACTIVE)} AS expiry`;

/** Three steps into the index, in one statement: each statement costs more than the steps. */
export function horizon(db: Database, queue: number): Horizon {
  const row = db.sql(HORIZON).get(queue) ?? {};
  const { ready, due, expiry } = row;
  return {
    ready: typeof ready === "number",
    due: typeof due === "number" ? due : Infinity,
    expiry: typeof expiry === "number" ? expiry : Infinity,
  };
}

/** Milliseconds until the next delayed message is due or the next lease runs out. */
export function nextDue({ due, expiry }: Horizon, now: number): number | undefined {
  const next = Math.min(due, expiry);
  return next === Infinity ? undefined : Math.max(0, next - now);
}

/** How many messages of a queue are ready, counted up to `limit`. */
export function countReady(db: Database, queue: number, limit: number): number {
  const count = `SELECT count(*) AS n FROM (SELECT 1 FROM messages WHERE queue = ? AND state = ${READY} LIMIT ?)`;
  return Number(db.sql(count).get(queue, limit)?.["n"] ?? 0);
}
