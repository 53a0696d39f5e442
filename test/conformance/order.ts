import assert from "node:assert/strict";
import { compare, idsOf, inOrder, LONG, SHORT } from "./bench.ts";
import type { Claim } from "./claim.ts";
import { seededRandom } from "./random.ts";

/** I4: a queue hands messages out in send order within a priority, wherever they come from. */
export function orderCases(claim: Claim): void {
  claim("messages are handed out in send order, over calls of all sizes", async (bench) => {
    const ids: string[] = [];
    for (const count of [1, 10, 1, 3]) ids.push(...(await bench.sendMany(count)));
    const received: string[] = [];
    for (const max of [1, 2, 5, 1, 100]) received.push(...idsOf(await bench.take({ max })));
    assert.deepEqual(received, ids);
  });

  claim("the highest priority comes first, within a priority send order holds", async (bench) => {
    const priorities = [0, 5, 10, 5, 0, 10, 1_000_000, 9];
    const ids = await bench.sendAll(priorities.map((priority) => ({ priority })));
    const at = (...places: number[]): (string | undefined)[] => places.map((place) => ids[place]);
    const received: string[] = [];
    for (const max of [1, 2, 1, 3, 1]) received.push(...idsOf(await bench.take({ max })));
    assert.deepEqual(received, at(6, 2, 5, 7, 1, 3, 0, 4));
  });

  claim("priorities are compared as numbers", async (bench) => {
    const ids = await bench.sendAll([{ priority: 9 }, { priority: 10 }, { priority: 100 }, { priority: 99 }]);
    assert.deepEqual(await bench.peek(), [ids[2], ids[3], ids[1], ids[0]]);
  });

  claim("a more important message sent later overtakes those that wait", async (bench) => {
    const [a, b] = await bench.sendMany(2);
    const c = await bench.send({ priority: 1 });
    assert.deepEqual(await bench.peek(), [c, a, b]);
  });

  for (const priority of [0, 7]) {
    claim(`a retried message of priority ${priority} is ahead of all sent after it`, async (bench) => {
      const [a, b, c] = await bench.sendMany(3, { priority });
      const held = await bench.take({ max: 2 });
      for (const lease of held.toReversed()) await bench.retry(lease);
      const d = await bench.send({ priority });
      assert.deepEqual(await bench.peek(), [a, b, c, d]);
    });

    claim(`a released message of priority ${priority} is ahead of all sent after it`, async (bench) => {
      const [a, b, c] = await bench.sendMany(3, { priority });
      const [, second] = await bench.take({ max: 2 });
      assert(second !== undefined);
      await bench.release(second);
      const d = await bench.send({ priority });
      assert.deepEqual(await bench.peek(), [b, c, d]);
      assert.equal((await bench.look(a ?? "")).state, "active");
    });

    claim(`a crashed message of priority ${priority} is ahead of all sent after it`, async (bench) => {
      const [a, b, c] = await bench.sendMany(3, { priority });
      await bench.take({ max: 2, lease: SHORT });
      const d = await bench.send({ priority });
      await bench.outlast();
      assert.deepEqual(await bench.peek(), [a, b, c, d]);
    });

    claim(`a message of priority ${priority} that fell due is ahead of all sent after it`, async (bench) => {
      const late = await bench.send({ priority, delay: SHORT });
      const [a, b] = await bench.sendMany(2, { priority });
      await bench.outlast();
      assert.deepEqual(await bench.peek(), [late, a, b]);
    });

    claim(`messages of priority ${priority} that fell due come in send order, not in the order they were due`, async (bench) => {
      const ids = await bench.sendAll([SHORT, 3, 2, 1, 4].map((delay) => ({ delay, priority })));
      await bench.outlast();
      assert.deepEqual(await bench.peek(), ids);
    });

    claim(`a message of priority ${priority} retried with a delay is ahead of all sent after it once that is over`, async (bench) => {
      const [a, b] = await bench.sendMany(2, { priority });
      await bench.retry(await bench.takeOne(), SHORT);
      assert.deepEqual(await bench.peek(), [b]);
      await bench.outlast();
      assert.deepEqual(await bench.peek(), [a, b]);
    });
  }

  claim("messages keep their priority through retries, releases, crashes and delays", async (bench) => {
    const low = await bench.send({ priority: 1 });
    const ids = await bench.sendMany(4, { priority: 2 });
    const [a, b, c] = await bench.take({ max: 3, lease: LONG });
    assert(a && b && c);
    await bench.take({ max: 1, lease: SHORT });
    await bench.retry(a);
    await bench.release(b);
    await bench.release(c, SHORT);
    await bench.outlast();
    assert.deepEqual(await bench.peek(), [...ids, low]);
    assert((await bench.store.get(bench.queue, ids)).every((message) => message?.priority === 2));
  });

  claim("what comes back is merged among what waits, also in small receives", async (bench) => {
    const ids = await bench.sendMany(12);
    const held = await bench.take({ max: 9 });
    for (const place of [7, 1, 4]) {
      const lease = held[place];
      assert(lease !== undefined);
      await bench.release(lease);
    }
    const received: string[] = [];
    for (const max of [1, 2, 2, 1]) received.push(...idsOf(await bench.take({ max })));
    assert.deepEqual(received, [1, 4, 7, 9, 10, 11].map((place) => ids[place]));
  });

  claim("order holds through a thousand random returns", async (bench) => {
    const random = seededRandom();
    const crashLimit = 1000;
    await bench.sendAll(Array.from({ length: 60 }, () => ({ priority: random.below(3) })));
    for (let round = 0; round < 100; round += 1) {
      const ready = await bench.list("ready");
      const max = 1 + random.below(20);
      const held = await bench.take({ max, crashLimit });
      assert.deepEqual(idsOf(held), inOrder(ready).slice(0, max), `round ${round}, ${random.seed}`);
      for (const lease of random.shuffled(held)) {
        if (random.below(10) === 0) await bench.ack(lease);
        else if (random.below(2) === 0) await bench.retry(lease);
        else await bench.release(lease);
      }
      if (random.below(3) === 0) await bench.sendAll(Array.from({ length: random.below(10) + 1 }, () => ({ priority: random.below(3) })));
    }
  });

  claim(
    "two handles that take turns receive in send order",
    async (bench) => {
      const stores = [bench.store, await bench.other()];
      const ids = await bench.sendMany(40);
      const received: string[] = [];
      for (let i = 0; received.length < 40; i += 1) {
        const held = await bench.take({ max: 1 + (i % 3), store: stores[i % 2] ?? bench.store });
        received.push(...idsOf(held));
        if (i % 4 === 0) await bench.ack(held[0] ?? assert.fail("nothing received"), { store: stores[(i + 1) % 2] ?? bench.store });
      }
      assert.deepEqual(received, ids);
    },
    "another",
  );

  claim(
    "messages of handles that send at once are handed out in the order of their ids, and so in each one's send order",
    async (bench) => {
      const stores = [bench.store, await bench.other()];
      const sent = await Promise.all(
        stores.map(async (store) => {
          const ids: string[] = [];
          for (let i = 0; i < 30; i += 1) ids.push(...(await bench.sendMany(1 + (i % 3), {}, { store })));
          return ids;
        }),
      );
      const received = idsOf(await bench.take({ max: 1000 }));
      assert.deepEqual(received, sent.flat().toSorted(compare));
      for (const ids of sent) assert.deepEqual(received.filter((id) => ids.includes(id)), ids);
    },
    "another",
  );
}
