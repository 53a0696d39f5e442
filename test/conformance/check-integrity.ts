import assert from "node:assert/strict";
import { STATES } from "../../src/core/state.ts";
import type { Store, StoredMessage } from "../../src/store/store.ts";
import { compare, idsOf, inOrder, listEverything } from "./bench.ts";

/**
 * I6: each id is in exactly one state, counts equal what is there, no active message is without a lease. The store must be
 * at rest.
 *
 * @returns the messages, by id.
 */
export async function checkIntegrity(store: Store, queue: string): Promise<Map<string, StoredMessage>> {
  const found = await listEverything(store, queue);
  const all = STATES.flatMap((state) => found[state]);
  const ids = idsOf(all);
  assert.equal(new Set(ids).size, ids.length, `listed twice: ${ids.filter((id, i) => ids.indexOf(id) !== i).join(" ")}`);
  for (const state of STATES) assert(found[state].every((message) => message.state === state));
  for (const message of found.active) {
    assert(message.token !== undefined && message.token !== "", `${message.id} is active without a token`);
    assert(message.leaseExpiresAt !== undefined, `${message.id} is active without an expiry`);
  }
  for (const message of found.delayed) assert(message.dueAt !== undefined, `${message.id} is delayed without an end`);
  for (const message of found.dead) {
    assert(message.reason !== undefined && message.diedAt !== undefined, `${message.id} is dead without a reason or a time`);
  }
  assert.deepEqual(idsOf(found.ready), inOrder(found.ready));
  assertSorted(found.delayed, ({ dueAt }) => dueAt);
  assertSorted(found.active, ({ leaseExpiresAt }) => leaseExpiresAt);
  assertSorted(found.dead, ({ diedAt }) => diedAt);
  const { ready, delayed, active, dead } = found;
  assert.deepEqual(await store.counts(queue), {
    ready: ready.length,
    delayed: delayed.length,
    active: active.length,
    dead: dead.length,
  });
  for (let start = 0; start < all.length; start += 1000) {
    const some = all.slice(start, start + 1000);
    assert.deepEqual(await store.get(queue, idsOf(some)), some);
  }
  return new Map(all.map((message) => [message.id, message]));
}

function assertSorted(messages: readonly StoredMessage[], at: (message: StoredMessage) => number | undefined): void {
  const sorted = messages.toSorted((a, b) => (at(a) ?? 0) - (at(b) ?? 0) || compare(a.id, b.id));
  assert.deepEqual(idsOf(messages), idsOf(sorted));
}
