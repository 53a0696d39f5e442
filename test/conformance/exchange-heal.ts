import assert from "node:assert/strict";
import { assertBetween, ERROR, idsOf, LONG, SHORT } from "./bench.ts";
import type { Claim } from "./claim.ts";

/** How many leases one exchange ends, and how many delayed messages it makes ready. */
const MOST_LEASES = 100;
const MOST_DUE = 1000;
const MOST_INBOX = 1000;

export function healCases(claim: Claim): void {
  claim("a leased message is not handed out again before its lease expires", async (bench) => {
    await bench.send();
    const held = await bench.takeOne({ lease: LONG });
    await bench.outlast();
    assert.deepEqual(await bench.take(), []);
    assert(await bench.ack(held));
  });

  claim("a message whose lease ran out is handed out again, with a crash counted and no failure", async (bench) => {
    const id = await bench.send({ data: "1", priority: 5 });
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    const receive = bench.asking();
    const { received } = await bench.exchange({ receive });
    assert.deepEqual(received, [{ id, body: { codec: "json", data: "1" }, priority: 5, failures: 0, crashes: 1 }]);
    assert.equal((await bench.look(id)).token, receive.token);
  });

  claim("a message whose lease ran out is ready after any exchange, also one that asks for nothing", async (bench) => {
    const id = await bench.send({ data: "1" });
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    const reply = await bench.exchange();
    assert.deepEqual(reply, { settled: [], received: [], more: true, nextDue: undefined });
    assert.deepEqual(await bench.get(id), {
      id,
      state: "ready",
      body: { codec: "json", data: "1" },
      priority: 0,
      failures: 0,
      crashes: 1,
    });
  });

  claim("only an exchange heals: looking shows a lease that ran out as it is", async (bench) => {
    const [id = ""] = await bench.sendMany(1);
    const held = await bench.takeOne({ lease: SHORT });
    await bench.send({ delay: SHORT });
    await bench.outlast();
    const before = await bench.everything();
    await bench.store.counts(bench.queue);
    await bench.store.queues();
    await bench.store.inspect();
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 1, active: 1, dead: 0 });
    assert.deepEqual(await bench.everything(), before);
    const { state, token } = await bench.look(id);
    assert.deepEqual([state, token], ["active", held.token]);
  });

  claim("sending heals nothing", async (bench) => {
    await bench.send();
    await bench.takeOne({ lease: SHORT });
    await bench.send({ delay: SHORT });
    await bench.outlast();
    await bench.send();
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 1, delayed: 1, active: 1, dead: 0 });
  });

  claim("a message whose leases ran out as often as the crash limit is dead as crashed", async (bench) => {
    const id = await bench.send({ data: "1", priority: 5 });
    for (let crashes = 1; crashes <= 2; crashes += 1) {
      await bench.takeOne({ lease: SHORT, crashLimit: 3 });
      await bench.outlast();
      await bench.exchange({ crashLimit: 3 });
      const found = await bench.look(id);
      assert.deepEqual([found.state, found.crashes], ["ready", crashes]);
    }
    await bench.takeOne({ lease: SHORT, crashLimit: 3 });
    await bench.outlast();
    const before = await bench.now();
    const reply = await bench.exchange({ receive: bench.asking(), crashLimit: 3 });
    assert.deepEqual(reply, { settled: [], received: [], more: false, nextDue: undefined });
    const { diedAt, ...rest } = await bench.look(id);
    assert.deepEqual(rest, {
      id,
      state: "dead",
      body: { codec: "json", data: "1" },
      priority: 5,
      failures: 0,
      crashes: 3,
      reason: "crashed",
    });
    assertBetween(diedAt, before, await bench.now());
  });

  claim("with a crash limit of 1 the first vanished holder makes a message dead", async (bench) => {
    const id = await bench.send();
    await bench.takeOne({ lease: SHORT, crashLimit: 1 });
    await bench.outlast();
    assert.deepEqual(await bench.take({ crashLimit: 1 }), []);
    const { state, reason, crashes } = await bench.look(id);
    assert.deepEqual([state, reason, crashes], ["dead", "crashed", 1]);
  });

  claim("the crash limit that counts is that of the exchange that heals", async (bench) => {
    const ids = await bench.sendMany(2);
    await bench.take({ max: 1, lease: SHORT, crashLimit: 1 });
    await bench.outlast();
    await bench.exchange({ crashLimit: 10 });
    assert.equal((await bench.look(ids[0] ?? "")).state, "ready");
    await bench.take({ max: 1, lease: SHORT, crashLimit: 10 });
    await bench.outlast();
    await bench.exchange({ crashLimit: 1 });
    const { state, crashes } = await bench.look(ids[0] ?? "");
    assert.deepEqual([state, crashes], ["dead", 2]);
  });

  claim("failures do not count towards the crash limit, nor crashes as failures", async (bench) => {
    const id = await bench.send();
    for (let i = 0; i < 5; i += 1) await bench.retry(await bench.takeOne({ crashLimit: 2 }));
    await bench.takeOne({ lease: SHORT, crashLimit: 2 });
    await bench.outlast();
    await bench.exchange({ crashLimit: 2 });
    const { state, failures, crashes, error } = await bench.look(id);
    assert.deepEqual([state, failures, crashes, error], ["ready", 5, 1, ERROR]);
    await bench.takeOne({ lease: SHORT, crashLimit: 2 });
    await bench.outlast();
    await bench.exchange({ crashLimit: 2 });
    const dead = await bench.look(id);
    assert.deepEqual([dead.state, dead.reason, dead.failures, dead.crashes, dead.error], ["dead", "crashed", 5, 2, ERROR]);
  });

  claim("a settlement of a lease that still runs is taken beside one that ran out", async (bench) => {
    await bench.sendMany(2);
    const late = await bench.takeOne({ lease: SHORT });
    const early = await bench.takeOne({ lease: LONG });
    await bench.outlast();
    const { settled } = await bench.exchange({
      settle: [late, early].map(({ id, token }) => ({ kind: "ack", id, token })),
    });
    assert.deepEqual(settled, [false, true]);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 1, delayed: 0, active: 0, dead: 0 });
  });

  claim("one exchange ends 100 leases that ran out; nextDue is 0 until all are healed", async (bench) => {
    await bench.sendMany(250);
    await bench.take({ max: 250, lease: SHORT });
    await bench.outlast();
    const steps: unknown[] = [];
    for (let i = 0; i < 3; i += 1) {
      const { more, nextDue } = await bench.exchange();
      const { ready, active } = await bench.store.counts(bench.queue);
      steps.push([more, nextDue, ready, active]);
    }
    assert.deepEqual(steps, [
      [true, 0, MOST_LEASES, 150],
      [true, 0, 2 * MOST_LEASES, 50],
      [true, undefined, 250, 0],
    ]);
    assert((await bench.list("ready")).every(({ crashes }) => crashes === 1));
  });

  claim("those who crashed too often count towards the 100 as well", async (bench) => {
    await bench.sendMany(150);
    await bench.take({ max: 150, lease: SHORT });
    await bench.outlast();
    const { more, nextDue } = await bench.exchange({ crashLimit: 1 });
    assert.deepEqual([more, nextDue], [false, 0]);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 0, active: 50, dead: MOST_LEASES });
    await bench.exchange({ crashLimit: 1 });
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 0, active: 0, dead: 150 });
  });

  claim("beyond the 100 a lease that ran out is still held", async (bench) => {
    await bench.sendMany(150);
    const held = await bench.take({ max: 150, lease: SHORT });
    await bench.outlast();
    const { settled } = await bench.exchange({ settle: held.map(({ id, token }) => ({ kind: "ack", id, token })) });
    assert.equal(settled.filter(Boolean).length, 50);
    const left = await bench.list("ready");
    assert.deepEqual(idsOf(left), held.filter((_, i) => settled[i] === false).map(({ id }) => id));
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: MOST_LEASES, delayed: 0, active: 0, dead: 0 });
  });

  claim("what an exchange heals it may hand out", async (bench) => {
    const ids = await bench.sendAll([{}, { delay: SHORT }, {}]);
    await bench.take({ max: 2, lease: SHORT });
    await bench.outlast();
    const { received, more } = await bench.exchange({ receive: bench.asking(10) });
    assert.deepEqual([idsOf(received), more], [ids, false]);
  });

  claim("delayed messages that are due become ready, the others stay", async (bench) => {
    const ids = await bench.sendAll([{ delay: SHORT }, { delay: LONG }, { delay: SHORT, priority: 2 }, { delay: 1 }]);
    await bench.outlast();
    const { more, nextDue } = await bench.exchange();
    assert.equal(more, true);
    assertBetween(nextDue, 1, LONG);
    const { ready, delayed } = await bench.everything();
    assert.deepEqual([idsOf(ready), idsOf(delayed)], [
      [ids[2], ids[0], ids[3]],
      [ids[1]],
    ]);
    assert(ready.every((message) => !("dueAt" in message) && message.crashes === 0 && message.failures === 0));
  });

  claim("one exchange makes 1,000 due messages ready; nextDue is 0 until all are", async (bench) => {
    await bench.sendMany(1000, { delay: 1 });
    await bench.sendMany(500, { delay: 1, priority: 1 });
    await bench.pass(5);
    const first = await bench.exchange();
    assert.deepEqual([first.more, first.nextDue], [true, 0]);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: MOST_DUE, delayed: 500, active: 0, dead: 0 });
    const second = await bench.exchange();
    assert.deepEqual([second.more, second.nextDue], [true, undefined]);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 1500, delayed: 0, active: 0, dead: 0 });
  });

  claim("a message may crash, fail and fall due in turn, and each is counted for itself", async (bench) => {
    const id = await bench.send({ delay: SHORT });
    for (let round = 1; round <= 3; round += 1) {
      await bench.outlast();
      await bench.takeOne({ lease: SHORT, crashLimit: 10 });
      await bench.outlast();
      await bench.retry(await bench.takeOne({ crashLimit: 10 }), SHORT);
      const { state, failures, crashes } = await bench.look(id);
      assert.deepEqual([state, failures, crashes], ["delayed", round, round]);
    }
  });

  claim(
    "a lease that another handle's exchange healed away is lost to its holder",
    async (bench) => {
      const store = await bench.other();
      const id = await bench.send();
      const held = await bench.takeOne({ lease: SHORT });
      await bench.outlast();
      await bench.exchange({}, { store });
      assert.equal(await bench.extend(held, LONG), false);
      assert.equal(await bench.ack(held), false);
      assert.equal((await bench.look(id)).state, "ready");
    },
    "another",
  );

  claim(
    "bodies in the inbox count as ready, and become messages in the order they were pushed",
    async (bench) => {
      const first = await bench.send({ data: "1" });
      await bench.push(['{"a":1}', "plain text", "", "\n", "𝄞"]);
      assert.equal((await bench.store.counts(bench.queue)).ready, 6);
      const held = await bench.take({ max: 10 });
      assert.equal(held[0]?.id, first);
      assert.deepEqual(idsOf(held).toSorted(), idsOf(held));
      assert.deepEqual(held.slice(1).map(({ body, priority }) => [body, priority]), [
        [{ codec: "raw", data: '{"a":1}' }, 0],
        [{ codec: "raw", data: "plain text" }, 0],
        [{ codec: "raw", data: "" }, 0],
        [{ codec: "raw", data: "\n" }, 0],
        [{ codec: "raw", data: "𝄞" }, 0],
      ]);
      for (const lease of held) assert(await bench.ack(lease));
      assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 0, active: 0, dead: 0 });
    },
    "inbox",
  );

  claim(
    "one exchange takes 1,000 bodies from the inbox, and more says that some are left",
    async (bench) => {
      await bench.push(Array.from({ length: MOST_INBOX + 500 }, (_, i) => String(i)));
      assert.equal((await bench.exchange({ receive: bench.asking(1000) })).more, true);
      assert.deepEqual(await bench.store.counts(bench.queue), { ready: 500, delayed: 0, active: 1000, dead: 0 });
      const held = await bench.take({ max: 1000 });
      assert.deepEqual(held.map(({ body }) => body.data), Array.from({ length: 500 }, (_, i) => String(MOST_INBOX + i)));
    },
    "inbox",
  );

  claim(
    "what is sent after the inbox was taken in gets larger ids",
    async (bench) => {
      await bench.push(["a", "b"]);
      await bench.exchange();
      const id = await bench.send();
      const ready = await bench.list("ready");
      assert.equal(ready.at(-1)?.id, id);
      assert.equal(ready.length, 3);
    },
    "inbox",
  );
}
