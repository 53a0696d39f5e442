import type { Database } from "./database.ts";
import { heal } from "./healing.ts";
import { horizon, nextDue } from "./horizon.ts";
import type { Ledger } from "./ledger.ts";
import type { Answers, ExchangeAsk } from "./protocol.ts";
import { receive } from "./receiving.ts";
import { settle } from "./settling.ts";
import type { Wakes } from "./wakes.ts";

/** Heals the queue, ends leases, hands out new ones. */
export function exchange(db: Database, ledger: Ledger, wakes: Wakes, ask: ExchangeAsk): Answers["exchange"] {
  const { queue, now } = ask;
  const id = ask.receive === undefined ? ledger.find(queue) : ledger.need(queue);
  if (id === undefined) {
    return { settled: ask.settle.ids.map(() => false), received: undefined, more: false, nextDue: undefined };
  }
  const healed = heal(db, ledger, id, now, ask.crashLimit, horizon(db, id));
  const { settled, cameBack, firstDue } = settle(db, ledger, id, ask);
  const received = ask.receive === undefined ? undefined : receive(db, ledger, id, now, ask.receive);
  wakes.cameReady(queue, healed + cameBack);
  const after = horizon(db, id);
  if (firstDue !== Infinity && firstDue <= after.due) wakes.cameFirst(queue, firstDue);
  return { settled, received, more: after.ready, nextDue: nextDue(after, now) };
}

/**
 * The reply to an exchange that finds nothing to do, or undefined if it has to change something: it then needs a write
 * transaction. So a worker that looks in vain writes nothing.
 */
export function idleExchange(db: Database, ledger: Ledger, ask: ExchangeAsk): Answers["exchange"] | undefined {
  if (ask.settle.ids.length > 0) return undefined;
  const id = ledger.find(ask.queue);
  if (id === undefined) return undefined;
  const now = horizon(db, id);
  if (now.due <= ask.now || now.expiry <= ask.now || (now.ready && ask.receive !== undefined)) return undefined;
  return { settled: [], received: undefined, more: now.ready, nextDue: nextDue(now, ask.now) };
}
