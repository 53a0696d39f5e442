import type { Digest } from "./chunks.ts";
import type { DemoEvent } from "./event-log.ts";

/** What the demo found. */
export interface Verdict {
  /** Messages whose send returned. */
  readonly sent: number;
  /** Messages that were handled at least once. */
  readonly handled: number;
  /** Messages that were handed out again after the kill. */
  readonly redelivered: number;
  /** Sent and never handled; must be 0. */
  readonly lost: number;
  /** Messages of which two acks were accepted; must be 0. */
  readonly ackedTwice: number;
  /** Results that differ from a direct computation, and chunks without one; must be 0. */
  readonly wrong: number;
  /** Whether each worker got its first deliveries in send order. */
  readonly fifo: boolean;
  /** From the first send to the last ack of a message that was delivered once. */
  readonly perSecond: number;
  /** From the call of send on an idle queue to the start of the handler, in milliseconds. */
  readonly pickUp: { readonly p50: number; readonly p99: number };
  /** Whether all that must hold holds. */
  readonly ok: boolean;
}

/**
 * Judges by the processes' own logs alone.
 *
 * @param expected each chunk's digest, computed directly.
 */
export function judge(producer: readonly DemoEvent[], workers: readonly (readonly DemoEvent[])[], expected: readonly Digest[]): Verdict {
  const sent = producer.filter((event) => event.e === "sent");
  const all = workers.flat();
  const handled = new Set(all.filter((event) => event.e === "handled").map(({ id }) => id));
  const acks = all.filter((event) => event.e === "acked");
  const again = new Set(all.filter((event) => event.e === "got" && event.again).map(({ id }) => id));

  const lost = sent.filter(({ id }) => !handled.has(id)).length;
  const ackedTwice = acks.length - new Set(acks.map(({ id }) => id)).size;
  const wrong = countWrong(all, expected);
  const fifo = workers.every(inSendOrder);
  const pickUp = pickUpTimes(sent, all);
  return {
    sent: sent.length,
    handled: handled.size,
    redelivered: again.size,
    lost,
    ackedTwice,
    wrong,
    fifo,
    perSecond: throughput(sent, acks.filter(({ id, n }) => n >= 0 && !again.has(id))),
    pickUp: { p50: percentile(pickUp, 0.5), p99: percentile(pickUp, 0.99) },
    ok: sent.length > 0 && lost === 0 && ackedTwice === 0 && wrong === 0 && fifo,
  };
}

function countWrong(events: readonly DemoEvent[], expected: readonly Digest[]): number {
  const right = new Set<number>();
  const bad = new Set<number>();
  for (const event of events) {
    if (event.e !== "handled" || event.n < 0) continue;
    const due = expected[event.n];
    if (due?.sha256 === event.sha256 && due.bytes === event.bytes) right.add(event.n);
    else bad.add(event.n);
  }
  return bad.size + expected.length - right.size;
}

function inSendOrder(events: readonly DemoEvent[]): boolean {
  let last = "";
  for (const event of events) {
    if (event.e !== "got" || event.again) continue;
    if (event.id <= last) return false;
    last = event.id;
  }
  return true;
}

function throughput(sent: readonly { called: number }[], acks: readonly { t: number }[]): number {
  const begin = Math.min(...sent.map(({ called }) => called));
  const end = acks.reduce((latest, { t }) => Math.max(latest, t), begin);
  return end > begin ? Math.round((acks.length / (end - begin)) * 1000) : 0;
}

function pickUpTimes(sent: readonly { id: string; n: number; called: number }[], events: readonly DemoEvent[]): number[] {
  const called = new Map(sent.filter(({ n }) => n < 0).map((event) => [event.id, event.called]));
  const times: number[] = [];
  for (const event of events) {
    const from = event.e === "got" ? called.get(event.id) : undefined;
    if (event.e === "got" && from !== undefined) times.push(event.t - from);
  }
  return times.toSorted((a, b) => a - b);
}

function percentile(sorted: readonly number[], p: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
  return value === undefined ? Number.NaN : Math.round(value * 100) / 100;
}
