import type { Codec, EncodedBody } from "../../core/codec.ts";
import type { DeadReason, ErrorRecord } from "../../core/state.ts";
import type { Delivery, NewMessage } from "../store.ts";

/*
 * A message's record, the value in the `messages` hash, is its head, a line feed, and its body as text:
 *
 *     \n{"to":"ada@example.org"}
 *     {"p":5,"f":1}\n{"to":"ada@example.org"}
 *
 * The head is JSON on one line, or nothing when all is as usual, so that a plain message costs one byte more than its
 * body. The scripts cut it at the first line feed and rewrite it only when a message fails, crashes or dies.
 */
interface Head {
  /** Codec, if not `json`. */
  b?: string;
  /** Priority, if not 0. */
  p?: number;
  /** Failures. */
  f?: number;
  /** Crashes. */
  c?: number;
  /** Why it is dead. */
  r?: DeadReason;
  /** The last failure, as JSON. Text to the scripts: Lua's JSON reader refuses some of what JavaScript's writes. */
  e?: string;
}

export function encodeRecord({ body, priority }: NewMessage): string {
  if (priority === 0 && body.codec === "json") return `\n${body.data}`;
  const head: Head = {};
  if (body.codec !== "json") head.b = body.codec;
  if (priority !== 0) head.p = priority;
  return `${JSON.stringify(head)}\n${body.data}`;
}

export interface DecodedRecord extends Delivery {
  readonly reason?: DeadReason;
  readonly error?: ErrorRecord;
}

/** A record as a message. One that Baton did not write gets a codec nobody knows, so that its holder gives it up. */
export function decodeRecord(id: string, record: string): DecodedRecord {
  if (record.startsWith("\n")) {
    return { id, body: { codec: "json", data: record.slice(1) }, priority: 0, failures: 0, crashes: 0 };
  }
  const cut = record.indexOf("\n");
  const head = cut < 0 ? undefined : parseHead(record.slice(0, cut));
  if (head === undefined) return { id, body: damaged(record), priority: 0, failures: 0, crashes: 0 };
  return {
    id,
    // A codec this version does not know is told apart by decodeBody.
    body: { codec: (head.b ?? "json") as Codec, data: record.slice(cut + 1) },
    priority: head.p ?? 0,
    failures: head.f ?? 0,
    crashes: head.c ?? 0,
    ...(head.r === undefined ? {} : { reason: head.r }),
    ...(head.e === undefined ? {} : { error: parseError(head.e) }),
  };
}

/** What a holder gets of a message. */
export function decodeDelivery(id: string, record: string): Delivery {
  const { body, priority, failures, crashes } = decodeRecord(id, record);
  return { id, body, priority, failures, crashes };
}

function parseHead(text: string): Head | undefined {
  const head = parseJson(text);
  return typeof head === "object" && head !== null && !Array.isArray(head) && isHead(head) ? head : undefined;
}

/** The same as `isHead` of exchange.lua. */
function isHead(head: object): head is Head {
  const kinds: Readonly<Record<string, string>> = { b: "string", p: "number", f: "number", c: "number", r: "string", e: "string" };
  return Object.entries(head).every(([name, value]) => {
    const kind = typeof value;
    if ((kinds[name] ?? kind) !== kind) return false;
    return kind === "number" ? value >= 0 && value <= 1e9 : kind === "string" || kind === "boolean";
  });
}

function parseError(text: string): ErrorRecord {
  const error = parseJson(text);
  return typeof error === "object" && error !== null && "name" in error && "message" in error
    ? (error as ErrorRecord)
    : { name: "Error", message: text };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(record: string): EncodedBody {
  return { codec: "damaged" as Codec, data: record };
}
