import assert from "node:assert/strict";
import { ClosedError } from "../../src/core/errors.ts";
import type { Store } from "../../src/store/store.ts";
import { within } from "../support/until.ts";
import { idsOf, LONG } from "./bench.ts";
import type { Claim } from "./claim.ts";

const HOUR = 3_600_000;
const QUEUE = "a";
const MESSAGE = { body: { codec: "json", data: "1" }, delay: 0, priority: 0 } as const;
const never = new AbortController().signal;

const VERBS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  send: (store) => store.send(QUEUE, [MESSAGE]),
  exchange: (store) => store.exchange(QUEUE, { settle: [], receive: { max: 1, lease: LONG, token: "t.1" }, crashLimit: 3 }),
  extend: (store) => store.extend(QUEUE, [{ id: "0000000000000zzzzz", token: "t.1" }], LONG),
  wait: (store) => store.wait(QUEUE, HOUR, never),
  get: (store) => store.get(QUEUE, ["0000000000000zzzzz"]),
  list: (store) => store.list(QUEUE, { state: "ready", limit: 1 }),
  counts: (store) => store.counts(QUEUE),
  queues: (store) => store.queues(),
  inspect: (store) => store.inspect(),
};

export function closeCases(claim: Claim): void {
  for (const [verb, call] of Object.entries(VERBS)) {
    claim(`${verb} throws ClosedError after close`, async (bench) => {
      const { store } = await bench.fresh();
      await store.send(QUEUE, [MESSAGE]);
      await store.close();
      await within(assert.rejects(call(store), ClosedError), `${verb} rejected`);
    });

    claim(`${verb} throws ClosedError from the moment close was called`, async (bench) => {
      const { store } = await bench.fresh();
      const closing = store.close();
      await within(assert.rejects(call(store), ClosedError), `${verb} rejected`);
      await closing;
    });
  }

  claim("close rejects waits with ClosedError", async (bench) => {
    const { store } = await bench.fresh();
    const waits = ["a", "a", "b"].map((queue) => assert.rejects(store.wait(queue, HOUR, never), ClosedError));
    await store.counts(QUEUE);
    await store.close();
    await within(Promise.all(waits), "the waits rejected");
  });

  claim("close rejects a wait that has just begun", async (bench) => {
    const { store } = await bench.fresh();
    const wait = assert.rejects(store.wait(QUEUE, HOUR, never), ClosedError);
    await within(Promise.all([wait, store.close()]), "the wait rejected");
  });

  claim("close may be called again, at once and later", async (bench) => {
    const { store } = await bench.fresh();
    await within(Promise.all([store.close(), store.close()]), "both were closed");
    await store.close();
  });

  claim("a call under way when the store is closed ends, by its answer or by ClosedError", async (bench) => {
    const { store } = await bench.fresh();
    const calls = Object.values(VERBS).map((call) => call(store));
    const closed = store.close();
    const results = await within(Promise.allSettled(calls), "all calls ended");
    for (const result of results) if (result.status === "rejected") assert(result.reason instanceof ClosedError, String(result.reason));
    await closed;
  });

  claim(
    "what was sent is there after its handle was closed",
    async (bench) => {
      const store = await bench.another();
      const ids = await bench.sendAll([{ data: "1" }, { data: "2", delay: LONG }], { store });
      await store.close();
      const found = await bench.store.get(bench.queue, ids);
      assert.deepEqual(found.map((message) => message?.body.data), ["1", "2"]);
    },
    "another",
  );

  claim(
    "a lease outlives its handle, and its token still ends it",
    async (bench) => {
      const store = await bench.another();
      await bench.send();
      const held = await bench.takeOne({ store });
      await store.close();
      assert.deepEqual(await bench.take(), []);
      assert.equal((await bench.look(held.id)).state, "active");
      assert(await bench.ack(held));
    },
    "another",
  );

  claim(
    "closing one handle leaves the others, and their waits",
    async (bench) => {
      const [a, b] = [await bench.another(), await bench.another()];
      const waiting = b.wait(bench.queue, HOUR, never);
      await b.counts(bench.queue);
      await a.close();
      const id = await bench.send();
      await within(waiting, "the wait of the other handle ended");
      assert.deepEqual(idsOf(await bench.take({ store: b })), [id]);
    },
    "another",
  );
}
