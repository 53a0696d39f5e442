import assert from "node:assert/strict";
import { assertBetween, ERROR, idsOf, LONG, SHORT } from "./bench.ts";
import type { Claim } from "./claim.ts";

const NOTHING = { settled: [], received: [], more: false, nextDue: undefined };

export function receiveCases(claim: Claim): void {
  claim("a queue never heard of hands out nothing", async (bench) => {
    assert.deepEqual(await bench.exchange({ receive: bench.asking(10) }), NOTHING);
    assert.deepEqual(await bench.exchange(), NOTHING);
  });

  claim("a queue that was emptied hands out nothing", async (bench) => {
    await bench.send();
    await bench.ack(await bench.takeOne());
    assert.deepEqual(await bench.exchange({ receive: bench.asking(10) }), NOTHING);
  });

  claim("a received message is active, with the token and an expiry of now + lease", async (bench) => {
    const id = await bench.send({ data: '"a"', priority: 4 });
    const before = await bench.now();
    const receive = bench.asking(1, LONG);
    const { received } = await bench.exchange({ receive });
    const after = await bench.now();
    const message = { id, body: { codec: "json", data: '"a"' }, priority: 4, failures: 0, crashes: 0 };
    assert.deepEqual(received, [message]);
    const { leaseExpiresAt, ...rest } = await bench.look(id);
    assert.deepEqual(rest, { ...message, state: "active", token: receive.token });
    assertBetween(leaseExpiresAt, before + LONG, after + LONG);
  });

  claim("a lease of a hundred years is kept to the millisecond", async (bench) => {
    const years = 100 * 365.25 * 24 * 3_600_000;
    const id = await bench.send();
    const before = await bench.now();
    await bench.takeOne({ lease: years });
    assertBetween((await bench.look(id)).leaseExpiresAt, before + years, (await bench.now()) + years);
  });

  claim("at most max messages are received, and more says whether ready ones are left", async (bench) => {
    const ids = await bench.sendMany(7);
    const counts: [number, boolean][] = [];
    const received: string[] = [];
    for (const max of [1, 3, 3, 3]) {
      const reply = await bench.exchange({ receive: bench.asking(max) });
      counts.push([reply.received.length, reply.more]);
      received.push(...idsOf(reply.received));
    }
    assert.deepEqual(counts, [
      [1, true],
      [3, true],
      [3, false],
      [0, false],
    ]);
    assert.deepEqual(received, ids);
  });

  claim("a batch of 1,000 messages is received whole, under one token", async (bench) => {
    const ids = await bench.sendMany(1000);
    await bench.send();
    const receive = bench.asking(1000);
    const { received, more } = await bench.exchange({ receive });
    assert.deepEqual([idsOf(received), more], [ids, true]);
    const active = await bench.list("active");
    assert.deepEqual(idsOf(active), idsOf(received));
    assert(active.every(({ token }) => token === receive.token));
  });

  claim("an exchange that asks for nothing hands out nothing, and says whether messages are ready", async (bench) => {
    await bench.send();
    const before = await bench.everything();
    assert.deepEqual(await bench.exchange(), { settled: [], received: [], more: true, nextDue: undefined });
    assert.deepEqual(await bench.everything(), before);
  });

  claim("an active message is not received, by its holder or by another", async (bench) => {
    await bench.send();
    await bench.takeOne();
    const reply = await bench.exchange({ receive: bench.asking(10) });
    assert.deepEqual([reply.received, reply.more], [[], false]);
  });

  claim(
    "an active message is not received through another handle",
    async (bench) => {
      await bench.send();
      const held = await bench.takeOne();
      const store = await bench.other();
      assert.deepEqual(await bench.take({ max: 10, store }), []);
      assert.equal((await bench.look(held.id)).token, held.token);
    },
    "another",
  );

  claim(
    "what one handle sends another receives",
    async (bench) => {
      const store = await bench.other();
      const id = await bench.send({ data: '"x"' });
      const held = await bench.takeOne({ store });
      assert.equal(held.id, id);
      assert(await bench.ack(held), "and the first may end the lease of the second: the token is the right");
      assert.deepEqual(await store.get(bench.queue, [id]), [undefined]);
    },
    "another",
  );

  claim("a delayed message is not received before it is due", async (bench) => {
    const id = await bench.send({ delay: LONG });
    const reply = await bench.exchange({ receive: bench.asking(10) });
    assert.deepEqual([reply.received, reply.more], [[], false]);
    assert.equal((await bench.look(id)).state, "delayed");
  });

  claim("a delayed message is received once it is due", async (bench) => {
    const id = await bench.send({ delay: SHORT });
    await bench.outlast();
    const held = await bench.takeOne();
    assert.equal(held.id, id);
    const { dueAt, state } = await bench.look(id);
    assert.deepEqual([dueAt, state], [undefined, "active"]);
  });

  claim("a dead message is not received", async (bench) => {
    await bench.send();
    await bench.bury(await bench.takeOne());
    assert.deepEqual(await bench.exchange({ receive: bench.asking(10) }), NOTHING);
  });

  claim("a delivery tells the failures and crashes so far", async (bench) => {
    await bench.send();
    await bench.retry(await bench.takeOne());
    await bench.retry(await bench.takeOne());
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    const { failures, crashes } = await bench.takeOne();
    assert.deepEqual([failures, crashes], [2, 1]);
  });

  claim("a delivery has what its holder gets and nothing else, whatever the message went through", async (bench) => {
    const id = await bench.send({ data: "1", codec: "raw", priority: 2 });
    await bench.retry(await bench.takeOne());
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    const { received } = await bench.exchange({ receive: bench.asking() });
    assert.deepEqual(received, [{ id, body: { codec: "raw", data: "1" }, priority: 2, failures: 1, crashes: 1 }]);
  });

  claim("a message released in an exchange may be received in the same", async (bench) => {
    const id = await bench.send();
    const { token } = await bench.takeOne();
    const receive = bench.asking();
    const reply = await bench.exchange({ settle: [{ kind: "release", id, token, delay: 0 }], receive });
    assert.deepEqual([reply.settled, idsOf(reply.received), reply.more], [[true], [id], false]);
    assert.equal((await bench.look(id)).token, receive.token);
  });

  claim("a message retried in an exchange may be received in the same, with the failure counted", async (bench) => {
    const id = await bench.send();
    const { token } = await bench.takeOne();
    const reply = await bench.exchange({
      settle: [{ kind: "retry", id, token, delay: 0, error: ERROR }],
      receive: bench.asking(),
    });
    assert.deepEqual([reply.settled, reply.received.map(({ failures }) => failures)], [[true], [1]]);
  });

  claim("one exchange acks what is done and receives what fits", async (bench) => {
    const ids = await bench.sendMany(6);
    let held = await bench.take({ max: 2 });
    const seen: string[] = [];
    while (held.length > 0) {
      seen.push(...idsOf(held));
      const receive = bench.asking(2);
      const { settled, received } = await bench.exchange({ settle: held.map(({ id, token }) => ({ kind: "ack", id, token })), receive });
      assert.deepEqual(settled, held.map(() => true));
      held = received.map((delivery) => ({ ...delivery, token: receive.token }));
    }
    assert.deepEqual(seen, ids);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 0, active: 0, dead: 0 });
  });

  claim("nextDue is undefined while nothing is delayed or active", async (bench) => {
    await bench.sendMany(2);
    await bench.bury(await bench.takeOne());
    const { nextDue, more } = await bench.exchange();
    assert.deepEqual([nextDue, more], [undefined, true]);
  });

  claim("nextDue tells when the next delayed message is due", async (bench) => {
    const before = await bench.now();
    await bench.sendAll([{ delay: 3 * LONG }, { delay: LONG }, { delay: 2 * LONG }]);
    const sent = await bench.now();
    const { nextDue, more } = await bench.exchange();
    assertBetween(nextDue, before + LONG - (await bench.now()), sent + LONG - before);
    assert.equal(more, false);
  });

  claim("nextDue tells when the next lease runs out, those of this exchange included", async (bench) => {
    await bench.sendMany(2);
    await bench.takeOne({ lease: 3 * LONG });
    const before = await bench.now();
    const { nextDue } = await bench.exchange({ receive: bench.asking(1, LONG) });
    assertBetween(nextDue, LONG - ((await bench.now()) - before), LONG);
  });

  claim("nextDue is the sooner of a due time and a lease's end", async (bench) => {
    await bench.sendAll([{}, { delay: LONG }]);
    const held = await bench.takeOne({ lease: 5 * LONG });
    assertBetween((await bench.exchange()).nextDue, 1, LONG);
    await bench.extend(held, LONG / 2);
    assertBetween((await bench.exchange()).nextDue, 1, LONG / 2);
  });

  claim("nextDue forgets leases that were ended", async (bench) => {
    await bench.send();
    const { id, token } = await bench.takeOne();
    const { nextDue } = await bench.exchange({ settle: [{ kind: "ack", id, token }] });
    assert.equal(nextDue, undefined);
  });

  claim("nextDue knows of a message that this exchange delays", async (bench) => {
    await bench.send();
    const { id, token } = await bench.takeOne({ lease: 5 * LONG });
    const { nextDue, more } = await bench.exchange({ settle: [{ kind: "release", id, token, delay: LONG }] });
    assertBetween(nextDue, LONG - 1000, LONG);
    assert.equal(more, false);
  });

  claim("once nextDue has passed there is something to receive", async (bench) => {
    await bench.send({ delay: SHORT });
    const { nextDue } = await bench.exchange();
    assertBetween(nextDue, 0, SHORT);
    await bench.pass(nextDue ?? 0);
    await bench.takeOne();
  });
}
