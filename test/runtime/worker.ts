import assert from "node:assert/strict";
import { once } from "node:events";
import { it } from "node:test";
import { HandlerTimeoutError, LeaseLostError, WorkerStoppedError } from "../../src/index.ts";
import { aborted, batonOn, gate, withBaton } from "./helpers.ts";
import { type Engine, freshName } from "./suite.ts";

export function workerCases(engine: Engine): void {
  it(
    "a worker handles each message once, in order, and stops when the queue is empty",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany(Array.from({ length: 300 }, (_, body) => ({ body })));
      const seen: number[] = [];
      const worker = queue.work(({ body }) => void seen.push(body), { untilEmpty: true });
      await worker.stopped;
      assert.deepEqual(seen, Array.from({ length: 300 }, (_, n) => n));
      assert.deepEqual(await queue.counts(), { ready: 0, delayed: 0, active: 0, dead: 0 });
    }),
  );

  it(
    "a worker wakes for what is sent while it waits",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      const worker = queue.work(() => {});
      for (let n = 0; n < 20; n += 1) {
        const done = once(worker, "done");
        await queue.send(n);
        await done;
      }
      assert.equal((await queue.counts()).ready, 0);
    }),
  );

  it(
    "a delayed message wakes an idle worker when it is due",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<string>(freshName());
      const worker = queue.work(() => {});
      const done = once(worker, "done");
      await queue.send("later", { delay: "1h" });
      await queue.send("soon", { delay: 50 });
      const [message] = await done;
      assert.equal((message as { body: string }).body, "soon");
    }),
  );

  it(
    "concurrency bounds what runs at once, and follows a change",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany(Array.from({ length: 40 }, (_, body) => ({ body })));
      let running = 0;
      let most = 0;
      let reached = gate();
      let expected = 3;
      let go = gate();
      const worker = queue.work(
        async () => {
          running += 1;
          most = Math.max(most, running);
          if (running === expected) reached.open();
          await go.opened;
          running -= 1;
        },
        { concurrency: 3, untilEmpty: true },
      );
      await reached.opened;
      assert.equal(worker.active, 3);
      expected = 8;
      reached = gate();
      worker.concurrency = 8;
      await reached.opened;
      assert.equal(most, 8);
      worker.concurrency = 2;
      most = 0;
      const draining = go;
      go = gate();
      go.open();
      draining.open();
      await worker.stopped;
      assert.ok(most <= 8);
      assert.throws(() => (worker.concurrency = 0), { code: "BATON_OPTION_INVALID" });
    }),
  );

  it(
    "a handler that throws is retried, then dead with its error",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName(), { attempts: 3 });
      const { id } = await queue.send(1);
      const attempts: number[] = [];
      const worker = queue.work(
        ({ attempt }) => {
          attempts.push(attempt);
          throw new RangeError(`attempt ${attempt}`);
        },
        { untilEmpty: true },
      );
      const failures: unknown[] = [];
      worker.on("failed", (_message, error) => failures.push(error));
      await worker.stopped;
      assert.deepEqual(attempts, [1, 2, 3]);
      assert.equal(failures.length, 3);
      const dead = await queue.get(id);
      assert.deepEqual([dead?.state, dead?.reason, dead?.failures, dead?.error?.name, dead?.error?.message], ["dead", "failed", 3, "RangeError", "attempt 3"]);
      assert.match(dead?.error?.stack ?? "", /RangeError: attempt 3\n/);
    }),
  );

  it(
    "a handler may settle by itself",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<string>(freshName());
      const { id } = await queue.send("a");
      const worker = queue.work((message) => message.reject(), { untilEmpty: true });
      await worker.stopped;
      assert.equal((await queue.get(id))?.reason, "rejected");
    }),
  );

  it(
    "a handler over its timeout is told so, and the attempt has failed",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName(), { attempts: 1 });
      const { id } = await queue.send(1);
      const reasons: unknown[] = [];
      const worker = queue.work(async (_message, { signal }) => void reasons.push(await aborted(signal)), { timeout: 40, untilEmpty: true });
      const [, error] = await once(worker, "failed");
      await worker.stopped;
      assert.ok(error instanceof HandlerTimeoutError);
      assert.deepEqual(reasons, [error]);
      const dead = await queue.get(id);
      assert.deepEqual([dead?.reason, dead?.failures, dead?.error?.name], ["failed", 1, "HandlerTimeoutError"]);
    }),
  );

  it(
    "a lease is kept for as long as its handler runs",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      const started = gate();
      const finish = gate();
      const worker = queue.work(
        async () => {
          started.open();
          await finish.opened;
        },
        { lease: 700 },
      );
      await started.opened;
      // Another receiver looks for twice the lease.
      assert.deepEqual(await baton.queue(queue.name).receive({ wait: 1400 }), []);
      const held = await queue.get(id);
      assert.deepEqual([held?.state, held?.crashes], ["active", 0]);
      const done = once(worker, "done");
      finish.open();
      await done;
      assert.equal(await queue.get(id), undefined);
    }),
  );

  it(
    "a handler whose lease is lost is told so, and what it returns is not counted",
    withBaton(engine, async (baton, store) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      const worker = queue.work(
        async ({ token }, { signal }) => {
          const reason = aborted(signal);
          // Somebody ends the lease behind the worker's back.
          await store.exchange(queue.name, { settle: [{ kind: "ack", id, token }], crashLimit: 3 });
          assert.ok((await reason) instanceof LeaseLostError);
        },
        // Long enough not to run out before that, on a machine that is busy with other tests.
        { lease: 2500 },
      );
      const [message, error] = await once(worker, "lost");
      assert.equal((message as { id: string }).id, id);
      assert.ok(error instanceof LeaseLostError);
      await worker.stop();
      assert.equal(await queue.get(id), undefined);
    }),
  );

  it(
    "stop lets handlers finish and takes no more",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany(Array.from({ length: 10 }, (_, body) => ({ body })));
      const started = gate();
      const finish = gate();
      let finished = 0;
      const worker = queue.work(
        async () => {
          started.open();
          await finish.opened;
          finished += 1;
        },
        { concurrency: 2 },
      );
      await started.opened;
      const stopping = worker.stop();
      finish.open();
      await stopping;
      assert.ok(finished >= 1 && finished <= 2);
      assert.deepEqual(await queue.counts(), { ready: 10 - finished, delayed: 0, active: 0, dead: 0 });
      assert.equal(worker.active, 0);
    }),
  );

  it(
    "over its grace, stop hands messages back at once and burns no attempt",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      const started = gate();
      const reason = gate<unknown>();
      const worker = queue.work(async (_message, { signal }) => {
        started.open();
        reason.open(await aborted(signal));
        await new Promise(() => {});
      });
      await started.opened;
      const patient = worker.stop({ grace: "1h" });
      await worker.stop({ grace: 0 });
      await patient;
      assert.ok((await reason.opened) instanceof WorkerStoppedError);
      const back = await queue.get(id);
      assert.deepEqual([back?.state, back?.failures, back?.crashes], ["ready", 0, 0]);
    }),
  );

  it(
    "a worker stops by its signal, and close stops all workers",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const controller = new AbortController();
      const first = queue.work(() => {}, { signal: controller.signal });
      const second = queue.work(() => {}, { concurrency: 10 });
      controller.abort();
      await first.stopped;
      await baton.close();
      await second.stopped;
    }),
  );

  it(
    "many workers share a queue, each message going to one",
    { skip: engine.shared ? false : "a store in memory belongs to one connection" },
    async () => {
      const batons = (await Promise.all([engine.open(), engine.open(), engine.open()])).map(batonOn);
      try {
        const name = freshName();
        const [first] = batons;
        assert.ok(first);
        const seen = new Map<number, number>();
        const workers = batons.map((baton) =>
          baton.queue<number>(name).work(({ body }) => void seen.set(body, (seen.get(body) ?? 0) + 1), { concurrency: 7 }),
        );
        const all = 1500;
        const drained = gate();
        for (const worker of workers) worker.on("done", () => seen.size === all && drained.open());
        await first.queue<number>(name).sendMany(Array.from({ length: all }, (_, body) => ({ body })));
        await drained.opened;
        await Promise.all(workers.map((worker) => worker.stop()));
        assert.equal(seen.size, all);
        assert.deepEqual([...new Set(seen.values())], [1]);
        assert.deepEqual(await first.queue(name).counts(), { ready: 0, delayed: 0, active: 0, dead: 0 });
      } finally {
        await Promise.all(batons.map((baton) => baton.close()));
      }
    },
  );

  it(
    "an idle worker gets the messages of a holder that vanished, though it had no news of them",
    { skip: engine.shared ? false : "a store in memory belongs to one connection" },
    withBaton(engine, async (baton) => {
      const queue = baton.queue<string>(freshName());
      const done: string[] = [];
      const worker = queue.work(({ body }) => void done.push(body));
      // The worker is idle, and has looked before the other one came.
      const first = once(worker, "done");
      await queue.send("first");
      await first;
      const other = await engine.open();
      const victim = batonOn(other);
      let held: unknown[] = [];
      while (held.length === 0) {
        await victim.queue(queue.name).send("second");
        held = await victim.queue(queue.name).receive({ lease: 300 });
      }
      const { length } = done;
      await other.close();
      while (done.length === length) await once(worker, "done");
      assert.equal(done.at(-1), "second");
    }),
  );
}
