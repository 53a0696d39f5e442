import { makeId } from "../../core/ids.ts";
import type { DeadReason, ErrorRecord, State } from "../../core/state.ts";
import type { ListRequest, Page, StoredMessage } from "../store.ts";
import { codecOf, REASONS, STATE_CODES } from "./codes.ts";
import type { Database } from "./database.ts";
import type { Ledger } from "./ledger.ts";
import { seqOf, tailOf } from "./seq.ts";

type Row = Readonly<Record<string, unknown>>;

const STATE_NAMES: readonly State[] = ["ready", "delayed", "active", "dead"];

const COLUMNS = `seq, tail, state, place, priority, failures, crashes, token, reason, error, codec,
  coalesce(body, (SELECT data FROM bodies WHERE bodies.seq = messages.seq), '') AS body`;

/** Looks messages up by id. */
export function get(
  db: Database,
  ledger: Ledger,
  queue: string,
  ids: readonly string[],
): readonly (StoredMessage | undefined)[] {
  const queueId = ledger.find(queue);
  if (queueId === undefined) return ids.map(() => undefined);
  const select = db.sql(`SELECT ${COLUMNS} FROM messages WHERE seq = ? AND queue = ? AND tail = ?`);
  return ids.map((id) => {
    const row = select.get(seqOf(id), queueId, tailOf(id));
    return row === undefined ? undefined : toMessage(row);
  });
}

/** A page of a state. The cursor is the place and the sequence of the last message shown. */
export function list(db: Database, ledger: Ledger, queue: string, request: ListRequest): Page {
  const queueId = ledger.find(queue);
  if (queueId === undefined) return { messages: [], next: undefined };
  const select = db.sql(
    `SELECT ${COLUMNS} FROM messages WHERE queue = ? AND state = ? AND (place, seq) > (?, ?) ORDER BY place, seq LIMIT ?`,
  );
  const [place, seq] = position(request.cursor);
  // One more than asked for tells whether there is a next page.
  const rows = select.all(queueId, STATE_CODES[request.state], place, seq, request.limit + 1);
  const page = rows.slice(0, request.limit);
  const last = page.at(-1);
  const next = rows.length > request.limit && last !== undefined ? `${String(last["place"])}.${String(last["seq"])}` : undefined;
  return { messages: page.map(toMessage), next };
}

/** The names of all queues, sorted. */
export function queues(db: Database): readonly string[] {
  return db
    .sql("SELECT name FROM queues")
    .all()
    .map((row) => String(row["name"]))
    .sort();
}

function position(cursor: string | undefined): [place: number, seq: number] {
  if (cursor === undefined) return [Number.MIN_SAFE_INTEGER, 0];
  const [place, seq] = cursor.split(".");
  return [Number(place), Number(seq)];
}

function toMessage(row: Row): StoredMessage {
  const state = STATE_NAMES[Number(row["state"])] ?? "dead";
  const place = Number(row["place"]);
  const error = errorOf(row["error"]);
  return {
    id: makeId(Number(row["seq"]), String(row["tail"])),
    body: { codec: codecOf(Number(row["codec"])), data: String(row["body"]) },
    priority: Number(row["priority"]),
    failures: Number(row["failures"]),
    crashes: Number(row["crashes"]),
    state,
    ...(state === "delayed" ? { dueAt: place } : {}),
    ...(state === "active" ? { leaseExpiresAt: place, token: textOf(row["token"]) } : {}),
    ...(state === "dead" ? { reason: reasonOf(row["reason"]), diedAt: place } : {}),
    ...(error === undefined ? {} : { error }),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function reasonOf(code: unknown): DeadReason {
  return REASONS[Number(code ?? 0)] ?? "failed";
}

/** The error's record. One that was damaged is shown as it is: a message must be readable whatever happened to it. */
function errorOf(text: unknown): ErrorRecord | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Not JSON: told below.
  }
  return { name: "Error", message: text };
}

function isRecord(value: unknown): value is ErrorRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    "message" in value &&
    typeof value.message === "string"
  );
}
