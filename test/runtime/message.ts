import assert from "node:assert/strict";
import { it } from "node:test";
import { LeaseLostError, type Message } from "../../src/index.ts";
import { aborted, withBaton } from "./helpers.ts";
import { type Engine, freshName } from "./suite.ts";

export function messageCases(engine: Engine): void {
  const one = <T>(messages: Message<T>[]): Message<T> => {
    assert.equal(messages.length, 1);
    const [message] = messages;
    assert.ok(message);
    return message;
  };

  it(
    "ack removes the message",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      const message = one(await queue.receive());
      assert.equal(message.id, id);
      assert.equal(message.attempt, 1);
      assert.ok(Math.abs(message.sentAt.getTime() - Date.now()) < 60_000);
      await message.ack();
      assert.equal(await queue.get(id), undefined);
    }),
  );

  it(
    "a message can be settled once",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      await queue.send(1);
      const message = one(await queue.receive());
      await message.release();
      for (const again of [() => message.ack(), () => message.nack(), () => message.reject(), () => message.release(), () => message.extend(1000)]) {
        await assert.rejects(again, LeaseLostError);
      }
      assert.equal((await queue.counts()).ready, 1);
    }),
  );

  it(
    "nack counts an attempt and keeps the error; the last one is dead",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName(), { attempts: 2 });
      const { id } = await queue.send(1);
      await one(await queue.receive()).nack({ error: new TypeError("no") });
      const again = one(await queue.receive());
      assert.deepEqual([again.id, again.attempt, again.failures, again.crashes], [id, 2, 1, 0]);
      await again.nack({ error: "still no" });
      const dead = await queue.get(id);
      assert.deepEqual([dead?.state, dead?.reason, dead?.failures, dead?.error?.message], ["dead", "failed", 2, "still no"]);
    }),
  );

  it(
    "nack with a delay comes back when it is over, not before",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      await one(await queue.receive()).nack({ delay: 60 });
      assert.equal((await queue.get(id))?.state, "delayed");
      assert.equal(one(await queue.receive({ wait: "10s" })).id, id);
    }),
  );

  it(
    "reject is final and counts no attempt",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      await one(await queue.receive()).reject({ error: new Error("never") });
      const dead = await queue.get(id);
      assert.deepEqual([dead?.state, dead?.reason, dead?.failures, dead?.error?.message], ["dead", "rejected", 0, "never"]);
    }),
  );

  it(
    "release burns no attempt and keeps the place",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany([{ body: 1 }, { body: 2 }]);
      await one(await queue.receive()).release();
      const again = one(await queue.receive());
      assert.deepEqual([again.body, again.attempt, again.crashes], [1, 1, 0]);
    }),
  );

  it(
    "a lease that runs out is another's, counts a crash, and fences its old holder",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      const zombie = one(await queue.receive({ lease: 30 }));
      const heir = one(await queue.receive({ wait: "10s" }));
      assert.deepEqual([heir.id, heir.attempt, heir.crashes], [id, 1, 1]);
      assert.notEqual(heir.token, zombie.token);
      const before = await queue.get(id);
      const reason = aborted(zombie.signal);
      await assert.rejects(zombie.extend("1m"), LeaseLostError);
      assert.ok((await reason) instanceof LeaseLostError);
      await assert.rejects(zombie.ack(), LeaseLostError);
      await assert.rejects(zombie.nack(), LeaseLostError);
      assert.deepEqual(await queue.get(id), before);
      await heir.ack();
    }),
  );

  it(
    "a holder that vanishes as often as allowed leaves the message dead as crashed",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName(), { crashes: 2 });
      const { id } = await queue.send(1);
      await queue.receive({ lease: 20 });
      await queue.receive({ lease: 20, wait: "10s" });
      assert.deepEqual(await queue.receive({ wait: 200 }), []);
      const dead = await queue.get(id);
      assert.deepEqual([dead?.state, dead?.reason, dead?.crashes, dead?.failures], ["dead", "crashed", 2, 0]);
    }),
  );

  it(
    "extend keeps the message",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      await queue.send(1);
      const message = one(await queue.receive({ lease: 800 }));
      await message.extend("1m");
      assert.deepEqual(await queue.receive({ wait: 1000 }), []);
      await message.ack();
    }),
  );

  it(
    "a waiting receive gets what is sent meanwhile",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const receiving = queue.receive({ wait: "30s" });
      assert.deepEqual((await queue.counts()).ready, 0);
      await queue.send("late");
      assert.equal(one(await receiving).body, "late");
    }),
  );

  it(
    "a waiting receive ends with its signal's reason",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const controller = new AbortController();
      const receiving = queue.receive({ wait: "30s", signal: controller.signal });
      await queue.counts();
      controller.abort(new Error("enough"));
      await assert.rejects(receiving, { message: "enough" });
    }),
  );

  it(
    "a receive that need not wait returns at once with what there is",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      assert.deepEqual(await queue.receive({ max: 5 }), []);
      await queue.send(1);
      assert.equal((await queue.receive({ max: 5 })).length, 1);
    }),
  );

  it(
    "list and get show where a message is and who has it",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const sent = await queue.sendMany([{ body: "a" }, { body: "b" }, { body: "c", delay: "1h" }]);
      await queue.receive();
      const [active, ready, delayed] = await Promise.all(sent.map(({ id }) => queue.get(id)));
      assert.deepEqual([active?.state, ready?.state, delayed?.state], ["active", "ready", "delayed"]);
      assert.equal(active?.holder, baton.holder);
      assert.ok((delayed?.dueAt?.getTime() ?? 0) > Date.now() + 3_000_000);
      const listed = await queue.list({ state: "ready" });
      assert.deepEqual(listed.messages.map(({ body }) => body), ["b"]);
      assert.equal(await queue.get("no such id"), undefined);
      assert.ok((await baton.queues()).includes(queue.name));
    }),
  );
}
