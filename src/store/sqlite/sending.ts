import type { Database } from "./database.ts";
import { horizon } from "./horizon.ts";
import type { Ledger } from "./ledger.ts";
import type { Answers, SendAsk } from "./protocol.ts";
import { LONGEST_INLINE_BODY, STATE_CODES } from "./protocol.ts";
import type { Wakes } from "./wakes.ts";

const { ready: READY, delayed: DELAYED } = STATE_CODES;

const INSERT = `INSERT INTO messages (seq, queue, state, place, priority, tail, codec, body)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_PLAIN = `INSERT INTO messages (seq, queue, state, place, priority, tail, codec, body)
  SELECT ?1 + key, ?2, ${READY}, 0, 0, ?3, 0, value FROM json_each(?4)`;

/** Stores messages in the order given. */
export function send(db: Database, ledger: Ledger, wakes: Wakes, ask: SendAsk): Answers["send"] {
  const queue = ledger.need(ask.queue);
  const first = ledger.nextSequences(ask.count, ask.now);
  const { tail } = ledger;
  let delayed = 0;
  if (typeof ask.data === "string") db.sql(INSERT_PLAIN).run(first, queue, tail, ask.data);
  else {
    const { due } = horizon(db, queue);
    delayed = insertEach(db, ask, ask.data, queue, first, tail);
    // Whoever waits for the first delayed message must learn that another comes before it.
    if (delayed > 0 && horizon(db, queue).due < due) wakes.cameReady(ask.queue, 1);
  }
  ledger.count(queue, "delayed", delayed);
  ledger.count(queue, "ready", ask.count - delayed);
  wakes.cameReady(ask.queue, ask.count - delayed);
  return { first, tail };
}

/** @returns how many are delayed. */
function insertEach(
  db: Database,
  { now, codecs, delays, priorities }: SendAsk,
  data: readonly string[],
  queue: number,
  first: number,
  tail: string,
): number {
  const insert = db.sql(INSERT);
  let delayed = 0;
  data.forEach((body, i) => {
    const seq = first + i;
    const priority = priorities?.[i] ?? 0;
    const delay = Math.round(delays?.[i] ?? 0);
    const inline = body.length <= LONGEST_INLINE_BODY;
    const codec = codecs?.[i] ?? 0;
    if (delay > 0) {
      delayed += 1;
      insert.run(seq, queue, DELAYED, now + delay, priority, tail, codec, inline ? body : null);
    } else {
      insert.run(seq, queue, READY, -priority, priority, tail, codec, inline ? body : null);
    }
    if (!inline) db.sql("INSERT INTO bodies (seq, data) VALUES (?, ?)").run(seq, body);
  });
  return delayed;
}
