import assert from "node:assert/strict";
import { LONG, SHORT } from "./bench.ts";
import type { Bench } from "./bench.ts";
import type { Claim } from "./claim.ts";

export function countsCases(claim: Claim): void {
  claim("a queue never heard of has no messages", async (bench) => {
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 0, active: 0, dead: 0 });
  });

  claim("counts follow every transition of the state machine", async (bench) => {
    const counts = async (): Promise<string> => {
      const { ready, delayed, active, dead } = await bench.store.counts(bench.queue);
      await agree(bench);
      return `${ready} ${delayed} ${active} ${dead}`;
    };
    await bench.sendAll([{}, {}, {}, { delay: SHORT }]);
    assert.equal(await counts(), "3 1 0 0");
    await bench.outlast();
    await bench.exchange();
    assert.equal(await counts(), "4 0 0 0", "due");
    const [a, b, c] = await bench.take({ max: 3, lease: LONG });
    assert(a && b && c);
    assert.equal(await counts(), "1 0 3 0", "received");
    await bench.ack(a);
    assert.equal(await counts(), "1 0 2 0", "acked");
    await bench.retry(b);
    assert.equal(await counts(), "2 0 1 0", "retried");
    await bench.release(c, LONG);
    assert.equal(await counts(), "2 1 0 0", "released with a delay");
    const d = await bench.takeOne();
    await bench.retry(d, LONG);
    assert.equal(await counts(), "1 2 0 0", "retried with a delay");
    await bench.bury(await bench.takeOne());
    assert.equal(await counts(), "0 2 0 1", "given up");
    await bench.sendMany(2);
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    await bench.exchange();
    assert.equal(await counts(), "2 2 0 1", "crashed");
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    await bench.exchange({ crashLimit: 1 });
    assert.equal(await counts(), "1 2 0 2", "crashed too often");
    await bench.release(await bench.takeOne());
    assert.equal(await counts(), "1 2 0 2", "released");
  });

  claim("what was refused is not counted", async (bench) => {
    await bench.sendMany(2);
    const held = await bench.takeOne();
    const wrong = { id: held.id, token: bench.tokens.next() };
    await bench.ack(wrong);
    await bench.retry(wrong);
    await bench.release(wrong, LONG);
    await bench.bury(wrong);
    await bench.extend(wrong, LONG);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 1, delayed: 0, active: 1, dead: 0 });
  });

  claim("counting heals nothing", async (bench) => {
    await bench.send();
    await bench.takeOne({ lease: SHORT });
    await bench.send({ delay: SHORT });
    await bench.outlast();
    for (let i = 0; i < 3; i += 1) {
      assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 1, active: 1, dead: 0 });
    }
  });

  claim("counts are a queue's own", async (bench) => {
    const other = `${bench.queue}-b`;
    await bench.sendMany(3);
    await bench.store.send(other, [{ body: { codec: "json", data: "1" }, delay: LONG, priority: 0 }]);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 3, delayed: 0, active: 0, dead: 0 });
    assert.deepEqual(await bench.store.counts(other), { ready: 0, delayed: 1, active: 0, dead: 0 });
  });

  claim(
    "all handles count the same",
    async (bench) => {
      const store = await bench.other();
      await bench.sendMany(3);
      await bench.takeOne({ store });
      await bench.bury(await bench.takeOne());
      const expected = { ready: 1, delayed: 0, active: 1, dead: 1 };
      assert.deepEqual(await bench.store.counts(bench.queue), expected);
      assert.deepEqual(await store.counts(bench.queue), expected);
    },
    "another",
  );
}

/** Asserts that the counts are those of what is listed. */
async function agree(bench: Bench): Promise<void> {
  const { ready, delayed, active, dead } = await bench.everything();
  assert.deepEqual(await bench.store.counts(bench.queue), {
    ready: ready.length,
    delayed: delayed.length,
    active: active.length,
    dead: dead.length,
  });
}
