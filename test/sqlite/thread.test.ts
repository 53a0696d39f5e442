import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { Worker } from "node:worker_threads";
import { ClosedError, StoreUnavailableError } from "../../src/core/errors.ts";
import { Child, message, openStore, receive, temporaryDirectory } from "./helpers.ts";

/** Collects the threads that are started while the test runs. */
function threads(t: TestContext): Worker[] {
  const started: Worker[] = [];
  const note = (event: unknown): void => void started.push((event as { worker: Worker }).worker);
  subscribe("worker_threads", note);
  t.after(() => unsubscribe("worker_threads", note));
  return started;
}

test("sends that are concurrent are committed together", async (t) => {
  const store = await openStore(t, join(temporaryDirectory(t), "baton.db"));
  const before = await store.statistics();
  await Promise.all(Array.from({ length: 1000 }, (_, i) => store.send("q", [message(i)])));
  const after = await store.statistics();
  assert.equal(after.requests - before.requests, 1000);
  assert.equal(after.commits - before.commits, 1);
});

test("a group that got too large is committed in parts", async (t) => {
  const store = await openStore(t, join(temporaryDirectory(t), "baton.db"));
  const batch = Array.from({ length: 1000 }, (_, i) => message(i));
  await Promise.all(Array.from({ length: 12 }, () => store.send("q", batch)));
  assert.equal((await store.statistics()).commits, 3);
});

test("messages of one group keep the order of their calls", async (t) => {
  const store = await openStore(t, ":memory:");
  const many = Array.from({ length: 20 }, (_, i) => message(`m${i}`));
  const calls = [store.send("q", [message("a")]), store.send("q", many), store.send("q", [message("b")])];
  const ids = (await Promise.all(calls)).flat();
  assert.deepEqual(ids, ids.toSorted());
  const { received } = await receive(store, "q", 100);
  assert.deepEqual(received.map(({ id }) => id), ids);
});

test("a send that fails takes no other along", async (t) => {
  const store = await openStore(t, ":memory:");
  // The engine trusts its values; a priority out of bounds is what the table itself refuses.
  const results = await Promise.allSettled([
    store.send("q", [message(1)]),
    store.send("q", [message(2), message(3, { priority: -1 })]),
    store.send("new", [message(4, { priority: -1 })]),
    store.send("q", [message(5)]),
  ]);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "rejected", "fulfilled"]);
  assert.equal((await store.counts("q")).ready, 2);
  assert.deepEqual(await store.queues(), ["q"]);
});

test("when the thread dies its calls are unknown, and the next call starts another", async (t) => {
  const started = threads(t);
  const store = await openStore(t, join(temporaryDirectory(t), "baton.db"));
  await store.send("q", [message(1)]);
  const told: (Error | undefined)[] = [];
  store.onAvailability((lost) => told.push(lost));
  const waited = store.wait("other", 60_000, new AbortController().signal);
  await store.counts("q");

  const pending = assert.rejects(store.send("q", [message(2)]), (error: Error) => {
    assert.ok(error instanceof StoreUnavailableError);
    assert.equal(error.outcome, "unknown");
    return true;
  });
  await started[0]?.terminate();
  await pending;
  await waited;
  assert.ok(told[0] instanceof StoreUnavailableError);

  assert.ok((await store.counts("q")).ready >= 1);
  assert.equal(started.length, 2);
  assert.deepEqual(told.slice(1), [undefined]);
});

test("when the thread of a store in memory dies, the store says that its messages are gone", async (t) => {
  const started = threads(t);
  const store = await openStore(t, ":memory:");
  await started[0]?.terminate();
  await assert.rejects(store.counts("q"), { name: "StoreUnavailableError", outcome: "not-applied", message: /Connect again/ });
});

test("closing finishes what was asked, rejects waits, and is done when done twice", async (t) => {
  const store = await openStore(t, join(temporaryDirectory(t), "baton.db"));
  const sent = store.send("q", [message(1)]);
  const waited = assert.rejects(store.wait("q2", 60_000, new AbortController().signal), ClosedError);
  await Promise.all([store.close(), store.close()]);
  assert.equal((await sent).length, 1);
  await waited;
  await assert.rejects(store.counts("q"), ClosedError);
  await assert.rejects(store.wait("q", 1, new AbortController().signal), ClosedError);
});

for (const [role, says, claim] of [
  ["close", "1 ClosedError", "a process whose store was closed ends by itself"],
  ["leave", "left", "a process with an open store and nothing pending ends by itself"],
  ["linger", "timed out", "a process with nothing but a wait stays until it ends"],
] as const) {
  for (const where of ["file", "memory"]) {
    test(`${claim} (${where})`, async (t) => {
      const path = where === "memory" ? ":memory:" : join(temporaryDirectory(t), "baton.db");
      const child = new Child(t, role, [path]);
      assert.equal(await child.line(), says);
      assert.equal(await child.exited, 0);
    });
  }
}

test("one message ends one wait, the next message the next", async (t) => {
  const store = await openStore(t, ":memory:");
  const ended: number[] = [];
  const wait = async (n: number): Promise<void> => {
    await store.wait("q", 60_000, new AbortController().signal);
    ended.push(n);
  };
  const waits = [wait(1), wait(2)];
  await store.send("q", [message(1)]);
  await store.counts("q");
  assert.deepEqual(ended, [1]);
  await store.send("q", [message(2)]);
  await Promise.all(waits);
  assert.deepEqual(ended, [1, 2]);
});

test("a message that became ready before the wait began ends it", async (t) => {
  const store = await openStore(t, ":memory:");
  await store.send("q", [message(1)]);
  await store.wait("q", 60_000, new AbortController().signal);
});
