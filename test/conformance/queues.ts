import assert from "node:assert/strict";
import type { Bench } from "./bench.ts";
import type { Claim } from "./claim.ts";

export function queuesCases(claim: Claim): void {
  claim("an empty store has no queues", async (bench) => {
    const { store } = await bench.fresh();
    assert.deepEqual(await store.queues(), []);
  });

  claim("a queue is listed once it was sent to, and only once", async (bench) => {
    await bench.send();
    await bench.send();
    assert.equal((await own(bench)).length, 1);
  });

  claim("a queue is listed once it was received from, also if it was empty", async (bench) => {
    await bench.take();
    assert.deepEqual(await own(bench), [bench.queue]);
  });

  claim("a queue is listed when it was sent a delayed message only", async (bench) => {
    await bench.send({ delay: 1000 });
    assert.deepEqual(await own(bench), [bench.queue]);
  });

  claim("a queue stays listed when it was emptied", async (bench) => {
    await bench.send();
    await bench.ack(await bench.takeOne());
    assert.deepEqual(await own(bench), [bench.queue]);
  });

  claim("looking at a queue does not list it", async (bench) => {
    await bench.store.counts(bench.queue);
    await bench.store.get(bench.queue, ["0000000000000zzzzz"]);
    await bench.store.list(bench.queue, { state: "ready", limit: 1 });
    assert.deepEqual(await own(bench), []);
  });

  claim("queues are listed sorted by code units, with their partitions", async (bench) => {
    const names = ["b", "a", "B", "a:10", "a:2", "1", "ä", "z", "a-b", "a.b"].map((name) => `${bench.queue}-${name}`);
    for (const name of names) await bench.store.send(name, [{ body: { codec: "json", data: "1" }, delay: 0, priority: 0 }]);
    assert.deepEqual(await own(bench), names.toSorted());
    const all = await bench.store.queues();
    assert.deepEqual(all, [...all].toSorted());
  });

  claim(
    "queues that another handle sent to or received from are listed",
    async (bench) => {
      const store = await bench.other();
      await bench.send({}, { store });
      await store.exchange(`${bench.queue}-r`, { settle: [], receive: bench.asking(), crashLimit: 3 });
      assert.deepEqual(await own(bench), [bench.queue, `${bench.queue}-r`]);
    },
    "another",
  );
}

/** The listed queues of this case. */
async function own({ store, queue }: Bench): Promise<string[]> {
  return (await store.queues()).filter((name) => name === queue || name.startsWith(`${queue}-`));
}
