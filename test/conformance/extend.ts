import assert from "node:assert/strict";
import { assertBetween, idsOf, LONG, SHORT } from "./bench.ts";
import type { Claim } from "./claim.ts";
import { NOT_HELD } from "./not-held.ts";

export function extendCases(claim: Claim): void {
  claim("an extended lease runs out at now + ms, and nothing else changes", async (bench) => {
    const id = await bench.send({ data: "1", priority: 3 });
    const held = await bench.takeOne();
    const { leaseExpiresAt: _, ...before } = await bench.look(id);
    const earliest = (await bench.now()) + 2 * LONG;
    assert.equal(await bench.extend(held, 2 * LONG), true);
    const { leaseExpiresAt, ...after } = await bench.look(id);
    assert.deepEqual(after, before);
    assertBetween(leaseExpiresAt, earliest, (await bench.now()) + 2 * LONG);
  });

  claim("a lease can be made shorter", async (bench) => {
    const id = await bench.send();
    const held = await bench.takeOne({ lease: LONG });
    await bench.extend(held, SHORT);
    await bench.outlast();
    const again = await bench.takeOne();
    assert.deepEqual([again.id, again.crashes], [id, 1]);
  });

  claim("an extended lease does not run out when it first would have", async (bench) => {
    const id = await bench.send();
    const held = await bench.takeOne({ lease: SHORT });
    await bench.extend(held, LONG);
    await bench.outlast();
    assert.deepEqual(await bench.take(), []);
    const { token, crashes } = await bench.look(id);
    assert.deepEqual([token, crashes], [held.token, 0]);
  });

  claim("a lease may be extended any number of times", async (bench) => {
    await bench.send();
    const held = await bench.takeOne();
    for (let i = 0; i < 20; i += 1) assert.equal(await bench.extend(held, LONG + i), true);
    assert(await bench.ack(held));
  });

  claim("a lease that ran out but was not healed yet is held: extending keeps it", async (bench) => {
    const id = await bench.send();
    const held = await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    assert.equal(await bench.extend(held, LONG), true);
    assert.deepEqual(await bench.take(), []);
    assert.equal((await bench.look(id)).crashes, 0);
    assert(await bench.ack(held));
  });

  claim("extending heals nothing", async (bench) => {
    await bench.sendAll([{}, {}, { delay: SHORT }]);
    const [first] = await bench.take({ max: 2, lease: SHORT });
    assert(first !== undefined);
    await bench.outlast();
    await bench.extend(first, LONG);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 1, active: 2, dead: 0 });
  });

  claim("extensions are answered in the order given, and those not held change nothing", async (bench) => {
    await bench.sendMany(4);
    const [a, b, c, d] = await bench.take({ max: 4 });
    assert(a && b && c && d);
    await bench.ack(c);
    const before = await bench.look(b.id);
    const wrong = bench.tokens.next();
    const answers = await bench.store.extend(
      bench.queue,
      [a, { id: b.id, token: wrong }, c, d].map(({ id, token }) => ({ id, token })),
      2 * LONG,
    );
    assert.deepEqual(answers, [true, false, false, true]);
    assert.deepEqual(await bench.look(b.id), before);
    assert.deepEqual(idsOf(await bench.list("active")), [b.id, a.id, d.id]);
  });

  claim("a batch of 1,000 leases is extended", async (bench) => {
    await bench.sendMany(1000);
    const held = await bench.take({ max: 1000, lease: LONG });
    const earliest = (await bench.now()) + 2 * LONG;
    const answers = await bench.store.extend(bench.queue, held.map(({ id, token }) => ({ id, token })), 2 * LONG);
    assert.deepEqual(answers, held.map(() => true));
    for (const { leaseExpiresAt } of await bench.list("active")) assertBetween(leaseExpiresAt, earliest, Infinity);
  });

  claim("extending in a queue never heard of is refused, and does not add the queue", async (bench) => {
    const lease = { id: "0000000000000zzzzz", token: bench.tokens.next() };
    assert.deepEqual(await bench.store.extend(bench.queue, [lease, lease], LONG), [false, false]);
    assert(!(await bench.store.queues()).includes(bench.queue));
  });

  for (const [label, lose] of Object.entries(NOT_HELD)) {
    claim(`extending is refused and changes nothing: ${label}`, async (bench) => {
      const lease = await lose(bench);
      const before = await bench.everything();
      assert.equal(await bench.extend(lease, 2 * LONG), false);
      assert.deepEqual(await bench.everything(), before);
    });
  }

  claim(
    "a lease may be extended through another handle",
    async (bench) => {
      await bench.send();
      const held = await bench.takeOne({ lease: SHORT });
      assert.equal(await bench.extend(held, LONG, { store: await bench.other() }), true);
      await bench.outlast();
      assert(await bench.ack(held));
    },
    "another",
  );
}
