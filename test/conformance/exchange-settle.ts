import assert from "node:assert/strict";
import type { DeadReason, ErrorRecord } from "../../src/core/state.ts";
import type { Lease, Settlement } from "../../src/store/store.ts";
import { assertBetween, ERROR, idsOf, LONG, SHORT } from "./bench.ts";
import type { Bench } from "./bench.ts";
import type { Claim } from "./claim.ts";
import { NOT_HELD } from "./not-held.ts";

const KINDS: Readonly<Record<string, (lease: Lease) => Settlement>> = {
  ack: ({ id, token }) => ({ kind: "ack", id, token }),
  retry: ({ id, token }) => ({ kind: "retry", id, token, delay: 0, error: ERROR }),
  "retry with a delay": ({ id, token }) => ({ kind: "retry", id, token, delay: LONG, error: ERROR }),
  dead: ({ id, token }) => ({ kind: "dead", id, token, reason: "failed", error: ERROR }),
  release: ({ id, token }) => ({ kind: "release", id, token, delay: 0 }),
  "release with a delay": ({ id, token }) => ({ kind: "release", id, token, delay: LONG }),
};

/** Texts of errors: written as JSON, parsed and written again by some engines. */
const ERRORS: Readonly<Record<string, ErrorRecord>> = {
  "without a stack": { name: "Error", message: "no" },
  "with nothing in it": { name: "", message: "", stack: "" },
  "with several lines": { name: "Error", message: "a\nb\r\nc", stack: "Error: a\n    at x (file:///y.ts:1:2)\n" },
  "with quotes, slashes and control characters": { name: "Error", message: '"\\/\b\f\t\u0000\u001f\u007f' },
  "with separators": { name: "Error", message: '{"p":5}\n:|' },
  "of several scripts": { name: "Größe", message: "𝄞 世界 \u2028\uFFFF", stack: "👩‍👩‍👧" },
  "of 2,000 characters": { name: "Error", message: "é".repeat(2000), stack: "x".repeat(2000) },
};

export function settleCases(claim: Claim): void {
  claim("an acked message is gone", async (bench) => {
    const [id, other] = await bench.sendMany(2);
    const held = await bench.takeOne();
    assert(await bench.ack(held));
    assert.deepEqual(idsOf((await bench.everything()).ready), [other]);
    assert.deepEqual(await bench.store.get(bench.queue, [id ?? ""]), [undefined]);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 1, delayed: 0, active: 0, dead: 0 });
  });

  claim("a message retried without a delay is ready, its failure counted and its error kept", async (bench) => {
    const id = await bench.send({ data: "1", priority: 2 });
    assert(await bench.retry(await bench.takeOne()));
    assert.deepEqual(await bench.get(id), {
      id,
      state: "ready",
      body: { codec: "json", data: "1" },
      priority: 2,
      failures: 1,
      crashes: 0,
      error: ERROR,
    });
  });

  claim("a message retried with a delay is delayed until now + delay, its failure counted and its error kept", async (bench) => {
    const id = await bench.send({ data: "1", priority: 2 });
    const held = await bench.takeOne();
    const before = await bench.now();
    assert(await bench.retry(held, LONG));
    const after = await bench.now();
    const { dueAt, ...rest } = await bench.look(id);
    assert.deepEqual(rest, {
      id,
      state: "delayed",
      body: { codec: "json", data: "1" },
      priority: 2,
      failures: 1,
      crashes: 0,
      error: ERROR,
    });
    assertBetween(dueAt, before + LONG, after + LONG);
  });

  claim("a message retried with a delay is received once that is over", async (bench) => {
    const id = await bench.send();
    await bench.retry(await bench.takeOne(), SHORT);
    assert.equal((await bench.look(id)).state, "delayed");
    await bench.outlast();
    assert.equal((await bench.takeOne()).id, id);
  });

  claim("failures are counted one by one, and the last error is the one kept", async (bench) => {
    const id = await bench.send();
    for (let i = 1; i <= 5; i += 1) {
      assert(await bench.retry(await bench.takeOne(), 0, { ...ERROR, message: `failure ${i}` }));
      const { failures, error } = await bench.look(id);
      assert.deepEqual([failures, error?.message], [i, `failure ${i}`]);
    }
  });

  claim("an error without a stack replaces one with a stack wholly", async (bench) => {
    const id = await bench.send();
    await bench.retry(await bench.takeOne(), 0, ERROR);
    await bench.retry(await bench.takeOne(), 0, { name: "Error", message: "second" });
    assert.deepEqual((await bench.look(id)).error, { name: "Error", message: "second" });
  });

  for (const [label, error] of Object.entries(ERRORS)) {
    claim(`an error is kept as it was given: ${label}`, async (bench) => {
      const id = await bench.send();
      await bench.retry(await bench.takeOne(), 0, error);
      assert.deepEqual((await bench.look(id)).error, error);
      const held = await bench.takeOne();
      await bench.settle({ kind: "dead", id, token: held.token, reason: "rejected", error });
      assert.deepEqual((await bench.look(id)).error, error);
    });
  }

  claim("an error whose text is not well-formed Unicode ends the lease like any other", async (bench) => {
    const ids = await bench.sendMany(2);
    const [first, second] = await bench.take({ max: 2 });
    assert(first !== undefined && second !== undefined);
    const error = { name: "Error", message: "half a pair: \uD83D!", stack: "\uDC00" };
    assert(await bench.retry(first, 0, error));
    assert(await bench.settle({ kind: "dead", id: second.id, token: second.token, reason: "failed", error }));
    const found = await bench.store.get(bench.queue, ids);
    assert.deepEqual(found.map((message) => [message?.state, message?.failures, message?.error?.name]), [
      ["ready", 1, "Error"],
      ["dead", 1, "Error"],
    ]);
  });

  claim("a released message is ready as it was, and nothing is counted", async (bench) => {
    const id = await bench.send({ data: "1", priority: 3 });
    await bench.retry(await bench.takeOne());
    const before = await bench.look(id);
    assert(await bench.release(await bench.takeOne()));
    assert.deepEqual(await bench.look(id), before);
  });

  claim("a message released with a delay is delayed until now + delay, and nothing is counted", async (bench) => {
    const id = await bench.send({ data: "1" });
    const held = await bench.takeOne();
    const before = await bench.now();
    assert(await bench.release(held, LONG));
    const after = await bench.now();
    const { dueAt, ...rest } = await bench.look(id);
    assert.deepEqual(rest, {
      id,
      state: "delayed",
      body: { codec: "json", data: "1" },
      priority: 0,
      failures: 0,
      crashes: 0,
    });
    assertBetween(dueAt, before + LONG, after + LONG);
  });

  claim("a message may be released any number of times", async (bench) => {
    const id = await bench.send();
    for (let i = 0; i < 20; i += 1) assert(await bench.release(await bench.takeOne({ crashLimit: 1 })));
    const { state, failures, crashes } = await bench.look(id);
    assert.deepEqual([state, failures, crashes], ["ready", 0, 0]);
  });

  const reasons: Readonly<Record<DeadReason, number>> = { failed: 1, rejected: 0, unreadable: 0, crashed: 0 };
  for (const [reason, counted] of Object.entries(reasons) as [DeadReason, number][]) {
    claim(`a message given up as ${reason} is dead, with ${counted === 1 ? "a" : "no"} failure counted and its error kept`, async (bench) => {
      const id = await bench.send({ data: "1", priority: 6 });
      const { token } = await bench.takeOne();
      const before = await bench.now();
      assert(await bench.settle({ kind: "dead", id, token, reason, error: ERROR }));
      const after = await bench.now();
      const { diedAt, ...rest } = await bench.look(id);
      assert.deepEqual(rest, {
        id,
        state: "dead",
        body: { codec: "json", data: "1" },
        priority: 6,
        failures: counted,
        crashes: 0,
        reason,
        error: ERROR,
      });
      assertBetween(diedAt, before, after);
      assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 0, active: 0, dead: 1 });
    });
  }

  claim("a message given up without an error keeps the error of its last failure", async (bench) => {
    const [first, second] = await bench.sendMany(2);
    assert(first !== undefined && second !== undefined);
    const [a, b] = await bench.take({ max: 2 });
    assert(a !== undefined && b !== undefined);
    await bench.retry(a);
    const again = await bench.takeOne();
    await bench.settle({ kind: "dead", id: first, token: again.token, reason: "rejected" });
    await bench.settle({ kind: "dead", id: second, token: b.token, reason: "rejected" });
    assert.deepEqual((await bench.look(first)).error, ERROR);
    assert(!("error" in (await bench.look(second))));
  });

  claim("ending a lease leaves the other leases of its token", async (bench) => {
    await bench.sendMany(3);
    const [a, b, c] = await bench.take({ max: 3 });
    assert(a !== undefined && b !== undefined && c !== undefined);
    assert(await bench.ack(b));
    assert.deepEqual(idsOf(await bench.list("active")), [a.id, c.id]);
    assert(await bench.retry(a));
    assert(await bench.ack(c));
  });

  claim("settlements are answered in the order given, whatever their kinds", async (bench) => {
    await bench.sendMany(8);
    const [a, b, c, d, e, f, g, h] = await bench.take({ max: 8 });
    assert(a && b && c && d && e && f && g && h);
    const wrong = bench.tokens.next();
    const { settled } = await bench.exchange({
      settle: [
        { kind: "retry", id: a.id, token: a.token, delay: 0, error: ERROR },
        { kind: "ack", id: b.id, token: wrong },
        { kind: "release", id: c.id, token: wrong, delay: 0 },
        { kind: "ack", id: d.id, token: d.token },
        { kind: "dead", id: e.id, token: e.token, reason: "rejected" },
        { kind: "dead", id: f.id, token: wrong, reason: "rejected" },
        { kind: "release", id: g.id, token: g.token, delay: LONG },
        { kind: "ack", id: h.id, token: h.token },
      ],
    });
    assert.deepEqual(settled, [true, false, false, true, true, false, true, true]);
    const { ready, delayed, active, dead } = await bench.everything();
    assert.deepEqual([ready, delayed, active, dead].map(idsOf), [[a.id], [g.id], [b.id, c.id, f.id], [e.id]]);
  });

  claim("when no settlement is held, each is answered so", async (bench) => {
    await bench.sendMany(2);
    const held = await bench.take({ max: 2 });
    const settle = held.map(({ id }): Settlement => ({ kind: "ack", id, token: bench.tokens.next() }));
    assert.deepEqual((await bench.exchange({ settle })).settled, [false, false]);
    assert.deepEqual((await bench.exchange({ settle: [] })).settled, []);
  });

  claim("a batch of 1,000 acks is taken", async (bench) => {
    await bench.sendMany(1000);
    const held = await bench.take({ max: 1000 });
    const { settled } = await bench.exchange({ settle: held.map(({ id, token }) => ({ kind: "ack", id, token })) });
    assert.deepEqual(settled, held.map(() => true));
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 0, active: 0, dead: 0 });
  });

  claim("a batch of 1,000 settlements of all kinds is taken, and 1,000 are received with it", async (bench) => {
    const ids = await bench.sendMany(1000);
    const held = await bench.take({ max: 1000 });
    const makers = Object.values(KINDS);
    const settle = held.map((lease, i) => (makers[i % makers.length] ?? KINDS["ack"])?.(lease)).filter((one) => one !== undefined);
    const { settled, received } = await bench.exchange({ settle, receive: bench.asking(1000) });
    assert.deepEqual(settled, ids.map(() => true));
    // Of six kinds in turn the second and the fifth leave the message ready.
    assert.deepEqual(idsOf(received), ids.filter((_, i) => i % 6 === 1 || i % 6 === 4));
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 0, delayed: 333, active: 333, dead: 167 });
  });

  claim("an extended lease is ended like any other", async (bench) => {
    await bench.send();
    const held = await bench.takeOne({ lease: SHORT });
    await bench.extend(held, LONG);
    await bench.outlast();
    assert(await bench.ack(held));
  });

  claim("a lease is ended whatever else its queue holds", async (bench) => {
    await bench.sendMany(50);
    const held = await bench.take({ max: 25 });
    await bench.sendMany(50, { delay: LONG });
    for (const lease of held.toReversed()) assert(await bench.ack(lease));
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 25, delayed: 50, active: 0, dead: 0 });
  });

  for (const [kind, settlement] of Object.entries(KINDS)) {
    for (const [label, lose] of Object.entries(NOT_HELD)) {
      claim(`${kind} is refused and changes nothing: ${label}`, async (bench) => {
        await refused(bench, settlement(await lose(bench)));
      });
    }

    claim(`${kind} is refused when its lease ran out, because the same exchange heals first`, async (bench) => {
      const id = await bench.send();
      const held = await bench.takeOne({ lease: SHORT });
      await bench.outlast();
      const { settled } = await bench.exchange({ settle: [settlement(held)] });
      assert.deepEqual(settled, [false]);
      const { state, failures, crashes, error } = await bench.look(id);
      assert.deepEqual([state, failures, crashes, error], ["ready", 0, 1, undefined]);
    });

    claim(`${kind} is refused when its lease ran out, also if the same exchange hands the message out again`, async (bench) => {
      const id = await bench.send();
      const held = await bench.takeOne({ lease: SHORT });
      await bench.outlast();
      const receive = bench.asking();
      const reply = await bench.exchange({ settle: [settlement(held)], receive });
      assert.deepEqual([reply.settled, idsOf(reply.received)], [[false], [id]]);
      const { state, token, failures, crashes } = await bench.look(id);
      assert.deepEqual([state, token, failures, crashes], ["active", receive.token, 0, 1]);
    });

    claim(
      `${kind} of a lease that another handle was given since is refused and changes nothing`,
      async (bench) => {
        await bench.send();
        const held = await bench.takeOne({ lease: SHORT });
        await bench.outlast();
        await bench.takeOne({ store: await bench.other() });
        await refused(bench, settlement(held));
      },
      "another",
    );
  }
}

async function refused(bench: Bench, settlement: Settlement): Promise<void> {
  const before = await bench.everything();
  const counts = await bench.store.counts(bench.queue);
  assert.equal(await bench.settle(settlement), false);
  assert.deepEqual(await bench.everything(), before);
  assert.deepEqual(await bench.store.counts(bench.queue), counts);
}
