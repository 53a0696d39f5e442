import assert from "node:assert/strict";
import type { Settlement } from "../../src/store/store.ts";
import { ERROR, LONG, SHORT } from "./bench.ts";
import type { Bench, Held } from "./bench.ts";
import { checkIntegrity } from "./check-integrity.ts";
import type { Claim } from "./claim.ts";
import { seededRandom } from "./random.ts";

/** Every arrow of the state machine's drawing, as what makes a message take it. */
const TRANSITIONS: Readonly<Record<string, (bench: Bench) => Promise<unknown>>> = {
  "sent ready": (bench) => bench.send(),
  "sent delayed": (bench) => bench.send({ delay: LONG }),
  "due": async (bench) => {
    await bench.send({ delay: SHORT });
    await bench.outlast();
    await bench.exchange();
  },
  received: async (bench) => {
    await bench.send();
    await bench.takeOne();
  },
  acked: async (bench) => {
    await bench.send();
    await bench.ack(await bench.takeOne());
  },
  retried: async (bench) => {
    await bench.send();
    await bench.retry(await bench.takeOne());
  },
  "retried with a delay": async (bench) => {
    await bench.send({ priority: 3 });
    await bench.retry(await bench.takeOne(), LONG);
  },
  released: async (bench) => {
    await bench.send();
    await bench.release(await bench.takeOne());
  },
  "released with a delay": async (bench) => {
    await bench.send({ priority: 3 });
    await bench.release(await bench.takeOne(), LONG);
  },
  "given up": async (bench) => {
    await bench.send();
    await bench.bury(await bench.takeOne());
  },
  crashed: async (bench) => {
    await bench.send();
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    await bench.exchange();
  },
  "crashed too often": async (bench) => {
    await bench.send();
    await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    await bench.exchange({ crashLimit: 1 });
  },
};

export function integrityCases(claim: Claim): void {
  for (const [transition, run] of Object.entries(TRANSITIONS)) {
    claim(`a message is in exactly one state after it was ${transition}`, async (bench) => {
      await run(bench);
      const messages = await checkIntegrity(bench.store, bench.queue);
      assert.equal(messages.size, transition === "acked" ? 0 : 1);
    });
  }

  claim("nothing is lost or invented over random transitions of many messages", async (bench) => {
    const random = seededRandom();
    const living = new Set<string>();
    let held: Held[] = [];
    for (let round = 0; round < 60; round += 1) {
      const drafts = Array.from({ length: random.below(8) }, () => ({
        priority: random.below(3),
        delay: [0, 0, SHORT, LONG][random.below(4)] ?? 0,
      }));
      if (drafts.length > 0) for (const id of await bench.sendAll(drafts)) living.add(id);
      const ending = held.filter(() => random.below(2) === 0);
      const settle = random.shuffled(ending).map((lease): Settlement => {
        const { id, token } = lease;
        switch (random.below(6)) {
          case 0:
            return { kind: "release", id, token, delay: 0 };
          case 1:
            return { kind: "release", id, token, delay: LONG };
          case 2:
            return { kind: "retry", id, token, delay: 0, error: ERROR };
          case 3:
            return { kind: "retry", id, token, delay: SHORT, error: ERROR };
          case 4:
            return { kind: "dead", id, token, reason: "failed", error: ERROR };
          default:
            return { kind: "ack", id, token };
        }
      });
      const receive = bench.asking(1 + random.below(6), random.below(4) === 0 ? SHORT : LONG);
      const { settled, received } = await bench.exchange({ settle, receive });
      settle.forEach(({ id, kind }, i) => {
        if (settled[i] === true && kind === "ack") living.delete(id);
      });
      held = [...held.filter((lease) => !ending.includes(lease)), ...received.map((delivery) => ({ ...delivery, token: receive.token }))];
      if (round % 10 === 9) {
        await bench.outlast();
        await bench.exchange();
      }
      const messages = await checkIntegrity(bench.store, bench.queue);
      assert.deepEqual([...messages.keys()].toSorted(), [...living].toSorted(), `round ${round}, ${random.seed}`);
    }
  });

  claim("a queue of thousands of messages is whole after it was drained", async (bench) => {
    const COUNT = 5000;
    for (let i = 0; i < COUNT; i += 1000) await bench.sendMany(1000, { priority: i / 1000 });
    let acked = 0;
    let held = await bench.take({ max: 700 });
    while (held.length > 0) {
      const receive = bench.asking(700);
      const { settled, received } = await bench.exchange({
        settle: held.map(({ id, token }) => ({ kind: "ack", id, token })),
        receive,
      });
      acked += settled.filter(Boolean).length;
      held = received.map((delivery) => ({ ...delivery, token: receive.token }));
    }
    assert.equal(acked, COUNT);
    assert.equal((await checkIntegrity(bench.store, bench.queue)).size, 0);
    assert.deepEqual(await bench.exchange(), { settled: [], received: [], more: false, nextDue: undefined });
  });
}
