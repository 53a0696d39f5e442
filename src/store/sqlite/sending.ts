import { STATE_CODES } from "./codes.ts";
import { LONGEST_INLINE_BODY } from "./columns.ts";
import type { Database } from "./database.ts";
import { horizon } from "./horizon.ts";
import type { Ledger } from "./ledger.ts";
import type { Answers, SendAsk } from "./protocol.ts";
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
  const ids = { queue, first, tail };
  const { delayed, firstDue } =
    typeof ask.data === "string" ? insertPlain(db, ask.data, ids) : insertEach(db, ask, ask.data, ids);
  ledger.count(queue, "delayed", delayed);
  ledger.count(queue, "ready", ask.count - delayed);
  wakes.cameReady(ask.queue, ask.count - delayed);
  if (delayed > 0 && firstDue <= horizon(db, queue).due) wakes.cameFirst(ask.queue, firstDue);
  return { first, tail };
}

interface Ids {
  readonly queue: number;
  readonly first: number;
  readonly tail: string;
}

interface Inserted {
  readonly delayed: number;
  /** When the first of the delayed ones is due. */
  readonly firstDue: number;
}

function insertPlain(db: Database, data: string, { queue, first, tail }: Ids): Inserted {
  db.sql(INSERT_PLAIN).run(first, queue, tail, data);
  return { delayed: 0, firstDue: Infinity };
}

function insertEach(
  db: Database,
  { now, codecs, delays, priorities }: SendAsk,
  data: readonly string[],
  { queue, first, tail }: Ids,
): Inserted {
  const insert = db.sql(INSERT);
  let delayed = 0;
  let firstDue = Infinity;
  data.forEach((body, i) => {
    const seq = first + i;
    const priority = priorities?.[i] ?? 0;
    const delay = Math.round(delays?.[i] ?? 0);
    const inline = body.length <= LONGEST_INLINE_BODY;
    const codec = codecs?.[i] ?? 0;
    if (delay > 0) {
      delayed += 1;
      firstDue = Math.min(firstDue, now + delay);
      insert.run(seq, queue, DELAYED, now + delay, priority, tail, codec, inline ? body : null);
    } else {
      insert.run(seq, queue, READY, -priority, priority, tail, codec, inline ? body : null);
    }
    if (!inline) db.sql("INSERT INTO bodies (seq, data) VALUES (?, ?)").run(seq, body);
  });
  return { delayed, firstDue };
}
