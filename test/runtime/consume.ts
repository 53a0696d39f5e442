import assert from "node:assert/strict";
import { it } from "node:test";
import { withBaton } from "./helpers.ts";
import { type Engine, freshName } from "./suite.ts";

export function consumeCases(engine: Engine): void {
  it(
    "consume yields messages in order until it is left",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      await queue.sendMany([1, 2, 3].map((body) => ({ body })));
      const seen: number[] = [];
      for await (const message of queue.consume()) {
        seen.push(message.body);
        await message.ack();
        if (message.body === 3) break;
      }
      assert.deepEqual(seen, [1, 2, 3]);
      assert.deepEqual(await queue.counts(), { ready: 0, delayed: 0, active: 0, dead: 0 });
    }),
  );

  it(
    "leaving the loop gives an unsettled message back, burning no attempt",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const { id } = await queue.send(1);
      await assert.rejects(async () => {
        for await (const _message of queue.consume()) throw new Error("oops");
      }, /oops/);
      const back = await queue.get(id);
      assert.deepEqual([back?.state, back?.failures, back?.crashes], ["ready", 0, 0]);
    }),
  );

  it(
    "a message is kept while the loop's body works on it",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      await queue.send(1);
      for await (const message of queue.consume({ lease: 700 })) {
        assert.deepEqual(await queue.receive({ wait: 1400 }), []);
        await message.ack();
        break;
      }
    }),
  );

  it(
    "consume ends when its signal aborts, and when the connection closes",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const controller = new AbortController();
      const loop = async (signal?: AbortSignal): Promise<void> => {
        for await (const message of queue.consume(signal === undefined ? {} : { signal })) await message.ack();
      };
      const bySignal = loop(controller.signal);
      const byClose = loop();
      await queue.counts();
      controller.abort();
      await bySignal;
      await baton.close();
      await byClose;
    }),
  );
}
