import assert from "node:assert/strict";
import type { Settlement, Store } from "../../src/store/store.ts";
import { within } from "../support/until.ts";
import { ERROR, idsOf, LONG, SHORT } from "./bench.ts";
import type { Bench, Held } from "./bench.ts";
import { checkIntegrity } from "./check-integrity.ts";
import type { Claim } from "./claim.ts";
import { seededRandom } from "./random.ts";

const HANDLES = 4;
/** Milliseconds; only a race that hangs takes so long. */
const DEADLINE = 30_000;

export function raceCases(claim: Claim): void {
  claim("no message is handed to two of several calls made at once", async (bench) => {
    const ids = await bench.sendMany(500);
    const calls = await Promise.all(Array.from({ length: 50 }, () => bench.take({ max: 13 })));
    assert.deepEqual(idsOf(calls.flat()).toSorted(), ids);
    await checkIntegrity(bench.store, bench.queue);
  });

  claim("of several calls made at once that end the same lease one is taken", async (bench) => {
    await bench.send();
    const held = await bench.takeOne();
    const answers = await Promise.all([bench.retry(held), bench.ack(held), bench.bury(held), bench.release(held), bench.ack(held)]);
    assert.equal(answers.filter(Boolean).length, 1);
    await checkIntegrity(bench.store, bench.queue);
  });

  claim(
    "no message is handed to two handles",
    async (bench) => {
      const stores = await handles(bench);
      const ids = await bench.sendMany(1000);
      const received = await Promise.all(
        stores.map(async (store) => {
          const mine: string[] = [];
          for (;;) {
            const held = await bench.take({ max: 7, store });
            if (held.length === 0) return mine;
            mine.push(...idsOf(held));
          }
        }),
      );
      assert.deepEqual(received.flat().toSorted(), ids);
      // Each got its own in order.
      for (const mine of received) assert.deepEqual(mine.toSorted(), mine);
      await checkIntegrity(bench.store, bench.queue);
    },
    "another",
  );

  claim(
    "of several handles that end the same lease one is taken",
    async (bench) => {
      const stores = await handles(bench);
      for (let round = 0; round < 20; round += 1) {
        const id = await bench.send();
        const { token } = await bench.takeOne();
        const kinds: Settlement[] = [
          { kind: "ack", id, token },
          { kind: "retry", id, token, delay: LONG, error: ERROR },
          { kind: "dead", id, token, reason: "failed", error: ERROR },
          { kind: "release", id, token, delay: LONG },
        ];
        const answers = await Promise.all(kinds.map((settlement, i) => bench.settle(settlement, { store: stores[i] ?? bench.store })));
        assert.equal(answers.filter(Boolean).length, 1);
        const states = [undefined, "delayed", "dead", "delayed"];
        assert.equal((await bench.get(id))?.state, states[answers.indexOf(true)]);
      }
      await checkIntegrity(bench.store, bench.queue);
    },
    "another",
  );

  claim(
    "a lease that ran out is either extended or handed out again, never both",
    async (bench) => {
      const [a = bench.store, b = bench.store] = await handles(bench);
      for (let round = 0; round < 15; round += 1) {
        const id = await bench.send();
        const held = await bench.takeOne({ lease: 5 });
        await bench.pass(6);
        const [extended, again] = await Promise.all([bench.extend(held, LONG, { store: a }), bench.take({ store: b })]);
        assert.notEqual(extended, again.length === 1);
        const owner = extended ? held : again[0];
        assert.equal((await bench.look(id)).token, owner?.token);
        assert(owner !== undefined && (await bench.ack(owner)));
      }
    },
    "another",
  );

  claim(
    "a message whose lease ran out is handed to one of several handles that look",
    async (bench) => {
      const stores = await handles(bench);
      const ids = await bench.sendMany(60);
      await bench.take({ max: 60, lease: SHORT });
      await bench.outlast();
      const calls = await Promise.all(stores.flatMap((store) => [1, 2, 3].map(() => bench.take({ max: 10, store }))));
      assert.deepEqual(idsOf(calls.flat()).toSorted(), ids);
      assert(calls.flat().every(({ crashes }) => crashes === 1));
    },
    "another",
  );

  claim(
    "handles that send at once get ids of their own",
    async (bench) => {
      const stores = await handles(bench);
      const calls = await Promise.all(
        stores.flatMap((store, i) => Array.from({ length: 25 }, (_, j) => bench.sendMany(1 + ((i + j) % 4), { data: `${i}.${j}` }, { store }))),
      );
      const all = calls.flat();
      assert.equal(new Set(all).size, all.length);
      for (const ids of calls) assert.deepEqual(ids.toSorted(), ids);
      const messages = await checkIntegrity(bench.store, bench.queue);
      assert.equal(messages.size, all.length);
    },
    "another",
  );

  claim("random verbs at once on one handle lose nothing, invent nothing and leave all whole", (bench) =>
    randomRace(bench, [bench.store, bench.store, bench.store, bench.store]),
  );

  claim(
    "random verbs of several handles lose nothing, invent nothing and leave all whole",
    async (bench) => randomRace(bench, await handles(bench)),
    "another",
  );

  claim(
    "consumers on several handles handle each message once while producers send and holders vanish",
    async (bench) => {
      const stores = await handles(bench);
      const COUNT = 400;
      const done = new Map<string, number>();
      const random = seededRandom();
      const produce = async (store: Store): Promise<void> => {
        for (let i = 0; i < COUNT / 2; i += 10) await bench.sendMany(10, { priority: i % 3 }, { store });
      };
      const consume = async (store: Store): Promise<void> => {
        while (done.size < COUNT) {
          const vanish = random.below(20) === 0;
          const held = await bench.take({ max: 5, store, lease: vanish ? 1 : LONG, crashLimit: 1000 });
          if (held.length === 0) await bench.pass(2);
          if (vanish) continue;
          const settle = held.map(({ id, token }): Settlement => ({ kind: "ack", id, token }));
          const { settled } = await bench.exchange({ settle, crashLimit: 1000 }, { store });
          held.forEach(({ id }, i) => {
            if (settled[i] === true) done.set(id, (done.get(id) ?? 0) + 1);
          });
        }
      };
      await within(
        Promise.all([...stores.slice(0, 2).map(produce), ...stores.map(consume)]),
        `all were handled, ${random.seed}`,
        DEADLINE,
      );
      assert.deepEqual([...done.values()].filter((times) => times !== 1), []);
      assert.equal((await checkIntegrity(bench.store, bench.queue)).size, 0);
    },
    "another",
  );
}

/** The suite's handle, its second, and two more. */
async function handles(bench: Bench): Promise<Store[]> {
  const more = await Promise.all(Array.from({ length: HANDLES - 2 }, () => bench.another()));
  return [bench.store, await bench.other(), ...more];
}

/** Several callers do as they like at once. Then what was sent must be there, but for what was acked, and all must be whole. */
async function randomRace(bench: Bench, stores: readonly Store[]): Promise<void> {
  const STEPS = 80;
  const sent = new Set<string>();
  const acked = new Map<string, number>();
  const leases: Held[] = [];
  const seeds = seededRandom();
  const act = async (store: Store, who: number): Promise<void> => {
    const random = seededRandom(seeds.below(2 ** 31) + who);
    for (let step = 0; step < STEPS; step += 1) {
      switch (random.below(8)) {
        case 0:
        case 1: {
          const drafts = Array.from({ length: 1 + random.below(6) }, () => ({
            priority: random.below(3),
            delay: [0, 0, 0, 3, LONG][random.below(5)] ?? 0,
          }));
          for (const id of await bench.sendAll(drafts, { store })) sent.add(id);
          break;
        }
        case 2:
        case 3:
          leases.push(...(await bench.take({ max: 1 + random.below(8), store, lease: random.below(4) === 0 ? 2 : LONG, crashLimit: 3 })));
          break;
        case 4:
        case 5:
        case 6: {
          // Anybody's lease, held or not: two callers may pick the same.
          const picked = new Map(Array.from({ length: 5 }, () => leases[random.below(leases.length)]).map((lease) => [lease?.id, lease]));
          const settle = [...picked.values()].flatMap((lease): Settlement[] => {
            if (lease === undefined) return [];
            const { id, token } = lease;
            const kinds: Settlement[] = [
              { kind: "ack", id, token },
              { kind: "ack", id, token },
              { kind: "retry", id, token, delay: random.below(2) * 3, error: ERROR },
              { kind: "release", id, token, delay: random.below(2) * 3 },
              { kind: "dead", id, token, reason: "failed", error: ERROR },
            ];
            return kinds.slice(random.below(5)).slice(0, 1);
          });
          const { settled } = await bench.exchange({ settle }, { store });
          settle.forEach(({ id, kind }, i) => {
            if (settled[i] === true && kind === "ack") acked.set(id, (acked.get(id) ?? 0) + 1);
          });
          break;
        }
        default: {
          const lease = leases[random.below(leases.length)];
          if (lease !== undefined) await bench.extend(lease, random.below(2) === 0 ? 3 : LONG, { store });
          await bench.pass(1);
        }
      }
    }
  };
  await within(Promise.all(stores.map(act)), `all had done their steps, ${seeds.seed}`, DEADLINE);
  const messages = await checkIntegrity(bench.store, bench.queue);
  assert.deepEqual([...acked.values()].filter((times) => times !== 1), [], `acked twice, ${seeds.seed}`);
  const expected = [...sent].filter((id) => !acked.has(id)).toSorted();
  assert.deepEqual([...messages.keys()].toSorted(), expected, seeds.seed);
}
