import assert from "node:assert/strict";
import { once } from "node:events";
import { it } from "node:test";
import { type Baton, SendManyError, StoreFullError, StoreUnavailableError } from "../../src/index.ts";
import { aborted, gate, withBaton } from "./helpers.ts";
import { FaultyStore } from "./faulty-store.ts";
import { type Engine, freshName } from "./suite.ts";

/** What the client does when the store fails at the worst moment, and how many calls it needs when it does not. */
export function faultCases(engine: Engine): void {
  const replyLost = (): StoreUnavailableError => new StoreUnavailableError("the reply was lost", "unknown");
  const withFaults = (body: (baton: Baton, store: FaultyStore) => Promise<void>): (() => Promise<void>) => {
    let faulty: FaultyStore | undefined;
    return withBaton(
      {
        open: async () => {
          faulty = new FaultyStore(await engine.open());
          return faulty;
        },
      },
      async (baton) => {
        assert.ok(faulty);
        await body(baton, faulty);
      },
    );
  };

  it(
    "sends of one tick share a call",
    withFaults(async (baton, store) => {
      const queue = baton.queue(freshName());
      await Promise.all(Array.from({ length: 500 }, (_, n) => queue.send(n)));
      assert.deepEqual(store.calls, [{ verb: "send", size: 500 }]);
    }),
  );

  it(
    "acks of one tick share a call, and the receive of the next messages rides along",
    withFaults(async (baton, store) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany(Array.from({ length: 400 }, (_, body) => ({ body })));
      const worker = queue.work(() => {}, { concurrency: 100, untilEmpty: true });
      await worker.stopped;
      // 400 messages, 50 at a time, and a few calls that find nothing.
      assert.ok(store.count("exchange") <= 14, `${store.count("exchange")} exchanges`);
    }),
  );

  it(
    "one at a time, an ack and the next receive share a call",
    withFaults(async (baton, store) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany(Array.from({ length: 100 }, (_, body) => ({ body })));
      await queue.work(() => {}, { untilEmpty: true }).stopped;
      // One to begin with, one for each message, and a few that find nothing.
      assert.ok(store.count("exchange") <= 105, `${store.count("exchange")} exchanges`);
    }),
  );

  it(
    "all of a worker's leases are extended in one call",
    withFaults(async (baton, store) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany(Array.from({ length: 30 }, (_, body) => ({ body })));
      const extended = gate();
      const sizes = (): number[] => store.calls.filter(({ verb }) => verb === "extend").map(({ size }) => size);
      store.onCall = () => sizes().length === 2 && extended.open();
      const worker = queue.work((_message, { signal }) => aborted(signal), { concurrency: 30, lease: 2000 });
      await extended.opened;
      await worker.stop({ grace: 0 });
      assert.deepEqual(sizes().slice(0, 2), [30, 30]);
    }),
  );

  it(
    "a send that failed is told, with all that shared its call, and nothing is sent twice",
    withFaults(async (baton, store) => {
      const queue = baton.queue<number>(freshName());
      store.failNext("send", { before: new StoreFullError("full") });
      const results = await Promise.allSettled([queue.send(1), queue.send(2)]);
      assert.deepEqual(results.map(({ status }) => status), ["rejected", "rejected"]);
      assert.equal(store.count("send"), 1);
      store.failNext("send", { after: replyLost() });
      await assert.rejects(queue.send(3), (error: unknown) => error instanceof StoreUnavailableError && error.outcome === "unknown");
      assert.equal(store.count("send"), 2);
      assert.equal((await queue.counts()).ready, 1);
    }),
  );

  it(
    "sendMany says which messages were stored",
    withFaults(async (baton, store) => {
      const queue = baton.queue<number>(freshName());
      store.failNext("send", { before: new StoreFullError("full") });
      await assert.rejects(queue.sendMany(Array.from({ length: 1500 }, (_, body) => ({ body }))), (error: unknown) => {
        assert.ok(error instanceof SendManyError);
        assert.equal(error.ids.length, 1500);
        assert.equal(error.ids.filter((id) => id !== undefined).length, 500);
        assert.equal(error.ids[0], undefined);
        assert.ok(error.cause instanceof StoreFullError);
        return true;
      });
      assert.equal((await queue.counts()).ready, 500);
    }),
  );

  it(
    "an ack that did not reach the store is sent again",
    withFaults(async (baton, store) => {
      const queue = baton.queue(freshName());
      await queue.send(1);
      const [message] = await queue.receive();
      store.failNext("exchange", { before: replyLost() });
      await message?.ack();
      assert.deepEqual(await queue.counts(), { ready: 0, delayed: 0, active: 0, dead: 0 });
    }),
  );

  it(
    "a receive whose reply was lost gives its messages back, and counts no crash",
    withFaults(async (baton, store) => {
      const queue = baton.queue(freshName());
      const sent = await queue.sendMany([{ body: 1 }, { body: 2 }]);
      store.failNext("exchange", { after: replyLost() });
      await assert.rejects(queue.receive({ max: 2 }), StoreUnavailableError);
      const messages = await queue.receive({ max: 2, wait: "10s" });
      assert.deepEqual(messages.map(({ id, crashes, failures }) => [id, crashes, failures]), sent.slice(0, messages.length).map(({ id }) => [id, 0, 0]));
    }),
  );

  it(
    "a worker goes on after the store failed its calls, and says so",
    withFaults(async (baton, store) => {
      const queue = baton.queue(freshName());
      store.failNext("exchange", { before: new StoreUnavailableError("away", "not-applied") });
      store.failNext("exchange", { after: replyLost() });
      const worker = queue.work(() => {});
      const problems: unknown[] = [];
      worker.on("problem", (error) => problems.push(error));
      const done = once(worker, "done");
      await queue.send(1);
      await done;
      assert.equal(problems.length, 2);
    }),
  );

  it(
    "a lease that can't be extended in time aborts its handler",
    withFaults(async (baton, store) => {
      const queue = baton.queue(freshName());
      await queue.send(1);
      for (let i = 0; i < 100; i += 1) store.failNext("extend", { before: new StoreUnavailableError("away", "not-applied") });
      const worker = queue.work(
        async (_message, { signal }) => {
          throw await aborted(signal);
        },
        { lease: 120 },
      );
      const [, error] = await once(worker, "lost");
      assert.match(String(error), /could not be extended in time/);
    }),
  );

  it(
    "a waiting receive goes on after the connection broke",
    withFaults(async (baton, store) => {
      const queue = baton.queue<string>(freshName());
      await queue.send("x");
      store.failNext("exchange", { after: replyLost() });
      const [message] = await queue.receive({ wait: "10s" });
      assert.deepEqual([message?.body, message?.crashes], ["x", 0]);
    }),
  );

  it(
    "a receive ends with its signal also while the store is away, and what comes later goes back",
    withFaults(async (baton, store) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      const back = gate();
      const controller = new AbortController();
      const called = gate();
      store.failNext("exchange", { until: back.opened });
      store.onCall = () => called.open();
      const receiving = queue.receive({ signal: controller.signal });
      await called.opened;
      controller.abort(new Error("enough"));
      await assert.rejects(receiving, { message: "enough" });
      const released = gate();
      store.onCall = () => store.count("exchange") === 2 && released.open();
      back.open();
      await released.opened;
      const [again] = await queue.receive({ wait: "10s" });
      assert.deepEqual([again?.id, again?.crashes, again?.failures], [id, 0, 0]);
    }),
  );

  it(
    "a worker stops in bounded time with the store away, idle or with a message",
    withFaults(async (baton, store) => {
      const queue = baton.queue(freshName());
      const back = gate();
      store.failNext("exchange", { until: back.opened });
      await queue.work(() => {}).stop();
      back.open();

      const again = gate();
      const handling = gate();
      await queue.send(1);
      const busy = queue.work(async () => {
        handling.open();
        await new Promise(() => {});
      });
      await handling.opened;
      for (let i = 0; i < 3; i += 1) store.failNext("exchange", { until: again.opened });
      await busy.stop({ grace: 0 });
      again.open();
    }),
  );
}
