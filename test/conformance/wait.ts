import assert from "node:assert/strict";
import type { Store } from "../../src/store/store.ts";
import { until, within } from "../support/until.ts";
import { ERROR, LONG, SHORT } from "./bench.ts";
import type { Bench, Held } from "./bench.ts";
import type { Claim } from "./claim.ts";

/** Milliseconds, longer than any case: a wait that only its timeout ends has missed its wake-up. */
const HOUR = 3_600_000;
/**
 * A lost wake-up is mended by slow polls, so that one alone might pass unseen. Each round that misses its own costs a
 * poll of a second or so, which this many rounds don't fit into the deadline.
 */
const ROUNDS = 20;
const DEADLINE = 10_000;

const never = new AbortController().signal;

export function waitCases(claim: Claim): void {
  /** A case with one handle that waits and one that acts: the same, and another. */
  const acting = (name: string, run: (bench: Bench, actor: Store) => Promise<void>): void => {
    claim(`${name}, by the same handle`, (bench) => run(bench, bench.store));
    claim(`${name}, by another handle`, async (bench) => run(bench, await bench.other()), "another");
  };

  acting("a wait ends when a message is sent", async (bench, actor) => {
    await rounds(bench, async () => {
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      const id = await bench.send({}, { store: actor });
      return [waiting, id];
    });
  });

  acting("a wait ends when a message with a priority is sent", async (bench, actor) => {
    await rounds(bench, async () => {
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      const id = await bench.send({ priority: 5 }, { store: actor });
      return [waiting, id];
    });
  });

  acting("a wait ends when a message is released", async (bench, actor) => {
    await rounds(bench, async () => {
      await bench.send({}, { store: actor });
      const held = await bench.takeOne({ store: actor });
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      assert(await bench.release(held, 0, { store: actor }));
      return [waiting, held.id];
    });
  });

  acting("a wait ends when a message is retried", async (bench, actor) => {
    await rounds(bench, async () => {
      await bench.send({}, { store: actor });
      const held = await bench.takeOne({ store: actor });
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      assert(await bench.retry(held, 0, ERROR, { store: actor }));
      return [waiting, held.id];
    });
  });

  acting("a wait ends when an exchange brings a message back that crashed", async (bench, actor) => {
    await rounds(bench, async () => {
      await bench.send({}, { store: actor });
      const { id } = await bench.takeOne({ store: actor, lease: 5 });
      const waiting = receiveWaiting(bench, true);
      await settleIn(bench);
      await bench.pass(6);
      await bench.exchange({ crashLimit: 10 }, { store: actor });
      return [waiting, id];
    });
  });

  acting("a message sent between an exchange that found nothing and the wait ends the wait", async (bench, actor) => {
    await rounds(bench, async () => {
      assert.deepEqual(await bench.take(), []);
      const id = await bench.send({}, { store: actor });
      await bench.store.wait(bench.queue, HOUR, never);
      return [receiveWaiting(bench), id];
    });
  });

  acting("a message sent while the wait begins ends it", async (bench, actor) => {
    await rounds(bench, async () => {
      assert.deepEqual(await bench.take(), []);
      const [, id] = await Promise.all([bench.store.wait(bench.queue, HOUR, never), bench.send({}, { store: actor })]);
      return [receiveWaiting(bench), id];
    });
  });

  acting("a wait on a queue never heard of ends when it is first sent to", async (bench, actor) => {
    for (let i = 0; i < ROUNDS; i += 1) {
      const queue = `${bench.queue}-${i}`;
      const waiting = bench.store.wait(queue, HOUR, never);
      await settleIn(bench);
      await actor.send(queue, [{ body: { codec: "json", data: "1" }, delay: 0, priority: 0 }]);
      await within(waiting, "the wait ended", DEADLINE);
    }
  });

  acting("a wait ends for its own queue while the handle waits for others", async (bench, actor) => {
    const stop = new AbortController();
    const others = Array.from({ length: 3 }, (_, i) => bench.store.wait(`${bench.queue}-${i}`, HOUR, stop.signal).catch(() => {}));
    await settleIn(bench);
    await rounds(bench, async () => {
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      const id = await bench.send({}, { store: actor });
      return [waiting, id];
    });
    stop.abort();
    await Promise.all(others);
  });

  acting("who waits learns of a delayed message sent meanwhile in time to receive it when it is due", async (bench, actor) => {
    for (let i = 0; i < 3; i += 1) {
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      const id = await bench.send({ delay: SHORT }, { store: actor });
      assert.equal((await inTime(bench, waiting)).id, id);
    }
  });

  acting("who waits learns of a delayed message that is due sooner than the one it waits for", async (bench, actor) => {
    await bench.send({ delay: LONG });
    for (let i = 0; i < 3; i += 1) {
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      const id = await bench.send({ delay: SHORT }, { store: actor });
      assert.equal((await inTime(bench, waiting)).id, id);
    }
  });

  acting("who waits learns of a message released with a delay in time to receive it when it is due", async (bench, actor) => {
    await bench.send();
    const held = await bench.takeOne({ store: actor });
    const waiting = receiveWaiting(bench);
    await settleIn(bench);
    await bench.release(held, SHORT, { store: actor });
    assert.equal((await inTime(bench, waiting)).id, held.id);
  });

  acting("who waits learns of a lease taken meanwhile in time to receive the message when its holder has vanished", async (bench, actor) => {
    const waiting = receiveWaiting(bench, true);
    await settleIn(bench);
    // Sent and received in one go: whoever is woken by the send finds nothing, and waits again.
    const [sent, receive] = [bench.send({}, { store: actor }), bench.asking(1, SHORT)];
    const [id, { received }] = await Promise.all([sent, bench.exchange({ receive }, { store: actor })]);
    const again = await inTime(bench, waiting);
    assert.equal(again.id, id);
    assert.equal(again.crashes, received.length);
  });

  claim("a wait ends after its timeout", async (bench) => {
    const waiting = bench.store.wait(bench.queue, SHORT, never);
    await ends(bench, waiting);
  });

  claim("a wait ends after its timeout though others of its queue wait longer", async (bench) => {
    const stop = new AbortController();
    const longer = bench.store.wait(bench.queue, HOUR, stop.signal).catch(() => {});
    await ends(bench, bench.store.wait(bench.queue, SHORT, never));
    stop.abort();
    await longer;
  });

  claim("a wait with a timeout of a hundred years does not end at once", async (bench) => {
    const stop = new AbortController();
    const waiting = bench.store.wait(bench.queue, 100 * 365.25 * 24 * HOUR, stop.signal);
    let ended = false;
    waiting.then(
      () => (ended = true),
      () => (ended = true),
    );
    for (let i = 0; i < 5; i += 1) await settleIn(bench);
    assert.equal(ended, false);
    stop.abort();
    await assert.rejects(waiting);
  });

  claim("a wait rejects with the signal's reason when it aborts", async (bench) => {
    const reason = new Error("enough");
    const stop = new AbortController();
    const waiting = bench.store.wait(bench.queue, HOUR, stop.signal);
    const rejected = assert.rejects(waiting, (error) => error === reason);
    await settleIn(bench);
    stop.abort(reason);
    await within(rejected, "the wait rejected", DEADLINE);
  });

  claim("a wait rejects with the signal's reason when it has aborted already", async (bench) => {
    const reason = new Error("enough");
    await assert.rejects(bench.store.wait(bench.queue, HOUR, AbortSignal.abort(reason)), (error) => error === reason);
    // Also if there is something to receive.
    await bench.send();
    await assert.rejects(bench.store.wait(bench.queue, HOUR, AbortSignal.abort(reason)), (error) => error === reason);
  });

  claim("a wait rejects with the signal's reason also if that is no error", async (bench) => {
    const stop = new AbortController();
    const waiting = bench.store.wait(bench.queue, HOUR, stop.signal);
    const rejected = assert.rejects(waiting, (error) => error === "enough");
    stop.abort("enough");
    await within(rejected, "the wait rejected", DEADLINE);
    await assert.rejects(bench.store.wait(bench.queue, HOUR, AbortSignal.abort("enough")), (error) => error === "enough");
  });

  claim("aborting one wait leaves the others", async (bench) => {
    const stop = new AbortController();
    const aborted = assert.rejects(bench.store.wait(bench.queue, HOUR, stop.signal));
    const waiting = receiveWaiting(bench);
    await settleIn(bench);
    stop.abort();
    await aborted;
    const id = await bench.send();
    assert.equal((await within(waiting, "the other wait ended", DEADLINE)).id, id);
  });

  acting("an aborted wait takes no wake-up with it", async (bench, actor) => {
    await rounds(bench, async () => {
      const stop = new AbortController();
      const aborted = Array.from({ length: 3 }, () => bench.store.wait(bench.queue, HOUR, stop.signal).catch(() => {}));
      const waiting = receiveWaiting(bench);
      await settleIn(bench);
      stop.abort();
      const id = await bench.send({}, { store: actor });
      await Promise.all(aborted);
      return [waiting, id];
    });
  });

  acting("one message ends one wait, not all", async (bench, actor) => {
    const stop = new AbortController();
    let ended = 0;
    const waits = Array.from({ length: 6 }, async () => {
      await bench.store.wait(bench.queue, HOUR, stop.signal);
      ended += 1;
    });
    await settleIn(bench);
    await bench.send({}, { store: actor });
    await until(() => ended > 0, "a wait ended", DEADLINE);
    // Time for the others to end, if they were told to.
    for (let i = 0; i < 20; i += 1) await settleIn(bench);
    assert(ended < 6, "all waits ended for one message");
    stop.abort();
    await Promise.allSettled(waits);
  });

  claim(
    "of several handles that wait one message wakes few, not all",
    async (bench) => {
      const stores = [await bench.another(), await bench.another(), await bench.another(), await bench.another()];
      let woken = 0;
      for (let i = 0; i < ROUNDS; i += 1) {
        const stop = new AbortController();
        let received: Held | undefined;
        const waits = stores.map(async (store) => {
          await store.wait(bench.queue, HOUR, stop.signal);
          woken += 1;
          received = (await bench.take({ store }))[0] ?? received;
        });
        const ended = Promise.allSettled(waits);
        await Promise.all(stores.map((store) => store.counts(bench.queue)));
        await bench.send();
        await until(() => received !== undefined, "a handle had received", DEADLINE);
        // Time for the others to be woken, if they were told to.
        for (let j = 0; j < 10; j += 1) await settleIn(bench);
        stop.abort();
        await ended;
        assert(received !== undefined && (await bench.ack(received)));
      }
      // Engines whose handles share nothing but the data can't do without one now and then in vain.
      assert(woken < ROUNDS * (stores.length / 2 + 1), `${ROUNDS} messages woke ${woken} times`);
    },
    "another",
  );

  acting("as many who wait receive as messages are sent at once", async (bench, actor) => {
    for (let i = 0; i < 5; i += 1) {
      const waiting = Array.from({ length: 5 }, () => receiveWaiting(bench));
      await settleIn(bench);
      const ids = await bench.sendMany(5, {}, { store: actor });
      const received = await within(Promise.all(waiting), "all had one", DEADLINE);
      assert.deepEqual(received.map(({ id }) => id).toSorted(), ids);
    }
  });

  acting("a consumer that waits whenever it finds nothing never stalls", async (bench, actor) => {
    const COUNT = 200;
    const seen = new Set<string>();
    const consume = async (): Promise<void> => {
      while (seen.size < COUNT) {
        const held = await receiveWaiting(bench);
        seen.add(held.id);
        await bench.ack(held);
      }
    };
    const produce = async (): Promise<void> => {
      for (let i = 0; i < COUNT; i += 1) {
        await bench.send({}, { store: actor });
        // At another moment of the consumer's round each time.
        for (let j = 0; j < i % 7; j += 1) await (i % 2 === 0 ? bench.store.counts(bench.queue) : Promise.resolve());
      }
    };
    await within(Promise.all([consume(), produce()]), `${COUNT} messages were consumed`, 2 * DEADLINE);
  });

  claim("waiting changes nothing, and does not add the queue", async (bench) => {
    await ends(bench, bench.store.wait(bench.queue, SHORT, never));
    assert(!(await bench.store.queues()).includes(bench.queue));
    await bench.sendAll([{}, { delay: LONG }]);
    await bench.takeOne();
    const before = await bench.everything();
    await ends(bench, bench.store.wait(bench.queue, SHORT, never));
    assert.deepEqual(await bench.everything(), before);
  });

  claim(
    "a wait ends when another program pushes to the inbox",
    async (bench) => {
      const all = async (): Promise<void> => {
        for (let i = 0; i < ROUNDS; i += 1) {
          const waiting = receiveWaiting(bench);
          await settleIn(bench);
          await bench.push([String(i)]);
          const held = await waiting;
          assert.equal(held.body.data, String(i));
          await bench.ack(held);
        }
      };
      await within(all(), `${ROUNDS} bodies were received`, DEADLINE);
    },
    "inbox",
  );
}

/** What a consumer does: looks, waits if there is nothing, looks again. */
async function receiveWaiting(bench: Bench, mayCrash = false): Promise<Held> {
  for (;;) {
    const receive = bench.asking();
    const { received, more, nextDue } = await bench.exchange({ receive, crashLimit: mayCrash ? 10 : 3 });
    const [delivery] = received;
    if (delivery !== undefined) return { ...delivery, token: receive.token };
    if (!more) await bench.store.wait(bench.queue, Math.min(nextDue ?? HOUR, HOUR), never);
  }
}

/** Lets what was begun on the handle get to where it waits: calls are answered in order. */
async function settleIn(bench: Bench): Promise<void> {
  for (let i = 0; i < 3; i += 1) await bench.store.counts(bench.queue);
}

/** Plays a round again and again: somebody receives the message with the given id, and it is acked. */
async function rounds(bench: Bench, play: () => Promise<[Promise<Held>, string]>): Promise<void> {
  const all = async (): Promise<void> => {
    for (let i = 0; i < ROUNDS; i += 1) {
      const [waiting, id] = await play();
      const held = await waiting;
      assert.equal(held.id, id);
      assert(await bench.ack(held));
    }
  };
  await within(all(), `${ROUNDS} rounds were over`, DEADLINE);
}

/** Lets time pass until somebody has received. */
async function inTime(bench: Bench, waiting: Promise<Held>): Promise<Held> {
  await ends(bench, waiting);
  const held = await waiting;
  await bench.ack(held);
  return held;
}

/** Lets time pass until a promise settles. */
async function ends(bench: Bench, promise: Promise<unknown>): Promise<void> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  promise.then(end, end);
  await until(
    async () => {
      await bench.pass(SHORT);
      await settleIn(bench);
      return ended;
    },
    "it ended",
    DEADLINE,
  );
  await promise;
}
