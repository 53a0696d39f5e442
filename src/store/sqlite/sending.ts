import { newTail } from "../../core/ids.ts";
import type { Database } from "./database.ts";
import type { Ledger } from "./ledger.ts";
import type { Answers, SendAsk } from "./protocol.ts";
import { STATE_CODES } from "./protocol.ts";
import type { Wakes } from "./wakes.ts";

/**
 * Bodies of more characters than this are kept apart: a change of state rewrites the message's row, and in a row
 * that overflows its page it would copy the body each time.
 */
const LONGEST_INLINE_BODY = 2000;

const INSERT =
  "INSERT INTO messages (seq, queue, state, place, priority, tail, codec, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

/** Stores messages in the order given. */
export function send(db: Database, ledger: Ledger, wakes: Wakes, ask: SendAsk): Answers["send"] {
  const { queue, now, data, codecs, delays, priorities } = ask;
  const id = ledger.need(queue);
  const first = ledger.nextSequences(data.length, now);
  const tail = newTail();
  const insert = db.sql(INSERT);
  let delayed = 0;
  let seq = first;
  for (let i = 0; i < data.length; i += 1, seq += 1) {
    const body = data[i] ?? "";
    const priority = priorities?.[i] ?? 0;
    const delay = Math.round(delays?.[i] ?? 0);
    const inline = body.length <= LONGEST_INLINE_BODY;
    const codec = codecs?.[i] ?? 0;
    if (delay > 0) {
      delayed += 1;
      insert.run(seq, id, STATE_CODES.delayed, now + delay, priority, tail, codec, inline ? body : null);
    } else {
      insert.run(seq, id, STATE_CODES.ready, -priority, priority, tail, codec, inline ? body : null);
    }
    if (!inline) db.sql("INSERT INTO bodies (seq, data) VALUES (?, ?)").run(seq, body);
  }
  ledger.count(id, "delayed", delayed);
  ledger.count(id, "ready", data.length - delayed);
  wakes.cameReady(queue, data.length - delayed);
  return { first, tail };
}
