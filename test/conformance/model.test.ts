import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { TokenSource } from "../../src/core/ids.ts";
import type { DeadReason } from "../../src/core/state.ts";
import { STATES } from "../../src/core/state.ts";
import type { Lease, Settlement, StoredMessage } from "../../src/store/store.ts";
import { compare, idsOf, listAll } from "./bench.ts";
import { redis, sqliteMemory } from "./factories.ts";
import type { Harness, StoreFactory } from "./harness.ts";
import { Model } from "./model.ts";
import { SEED } from "./random.ts";

/*
 * Random sequences of verbs, played to an engine and to a model of the contract: replies and all that is stored must be the
 * same after each. fast-check shortens a sequence that tells them apart.
 */

/** One of the leases handed out so far, held or not. */
interface Pick {
  readonly place: number;
  readonly wrongToken: boolean;
}

interface Ending extends Pick {
  readonly kind: "ack" | "retry" | "release" | DeadReason;
  readonly delay: number;
}

type Command =
  | { readonly verb: "send"; readonly drafts: readonly { readonly priority: number; readonly delay: number }[] }
  | {
      readonly verb: "exchange";
      readonly settle: readonly Ending[];
      readonly receive: { readonly max: number; readonly lease: number } | undefined;
      readonly crashLimit: number;
    }
  | { readonly verb: "extend"; readonly leases: readonly Pick[]; readonly ms: number }
  | { readonly verb: "pass"; readonly ms: number };

/** Which times to play with, and how exactly the engine's are known, in milliseconds. */
interface Times {
  readonly delays: readonly number[];
  readonly leases: readonly number[];
  readonly passes: readonly number[];
  readonly tolerance: number;
}

/** On a clock moved by hand: just before, at and after the moment when something is due. */
const BY_HAND: Times = { delays: [0, 0, 10, 25, 1000], leases: [10, 25, 1000], passes: [1, 9, 10, 15, 1000], tolerance: 0 };
/** On a server's clock: nothing falls due while a sequence is played. */
const BY_SERVER: Times = { delays: [0, 0, 3_600_000, 7_200_000], leases: [3_600_000, 7_200_000], passes: [], tolerance: 60_000 };

const LONGEST_SEQUENCE = 25;

function commands({ delays, leases, passes }: Times): fc.Arbitrary<readonly Command[]> {
  const pick = { place: fc.nat(30), wrongToken: fc.nat(9).map((n) => n === 0) };
  const kind = fc.constantFrom<Ending["kind"]>("ack", "ack", "retry", "retry", "release", "failed", "rejected", "unreadable");
  const ending = fc.record({ ...pick, kind, delay: fc.constantFrom(...delays) });
  const draft = fc.record({ priority: fc.constantFrom(0, 0, 0, 1, 2, 1_000_000), delay: fc.constantFrom(...delays) });
  const send: fc.Arbitrary<Command> = fc.record({
    verb: fc.constant("send" as const),
    drafts: fc.array(draft, { minLength: 1, maxLength: 6 }),
  });
  const exchange: fc.Arbitrary<Command> = fc.record({
    verb: fc.constant("exchange" as const),
    settle: fc.array(ending, { maxLength: 5 }),
    receive: fc.option(fc.record({ max: fc.integer({ min: 1, max: 6 }), lease: fc.constantFrom(...leases) }), { nil: undefined, freq: 3 }),
    crashLimit: fc.integer({ min: 1, max: 3 }),
  });
  const extend: fc.Arbitrary<Command> = fc.record({
    verb: fc.constant("extend" as const),
    leases: fc.uniqueArray(fc.record(pick), { minLength: 1, maxLength: 4, selector: ({ place }) => place }),
    ms: fc.constantFrom(...leases),
  });
  const some = [
    { arbitrary: send, weight: 3 },
    { arbitrary: exchange, weight: 5 },
    { arbitrary: extend, weight: 1 },
  ];
  if (passes.length > 0) {
    const pass: fc.Arbitrary<Command> = fc.record({ verb: fc.constant("pass" as const), ms: fc.constantFrom(...passes) });
    some.push({ arbitrary: pass, weight: 2 });
  }
  return fc.array(fc.oneof(...some), { minLength: 1, maxLength: LONGEST_SEQUENCE });
}

/** An engine and the model, side by side. */
class Duel {
  readonly #harness: Harness;
  readonly #queue: string;
  readonly #tolerance: number;
  readonly #model = new Model();
  readonly #tokens = new TokenSource();
  /** All leases ever handed out. */
  readonly #leases: Lease[] = [];
  #sent = 0;

  constructor(harness: Harness, queue: string, tolerance: number) {
    this.#harness = harness;
    this.#queue = queue;
    this.#tolerance = tolerance;
  }

  async play(command: Command): Promise<void> {
    const { store } = this.#harness;
    const now = await this.#harness.now();
    switch (command.verb) {
      case "send": {
        const messages = command.drafts.map((draft) => ({ ...draft, body: { codec: "json" as const, data: String((this.#sent += 1)) } }));
        const last = STATES.flatMap((state) => idsOf(this.#model.list(state))).toSorted(compare).at(-1) ?? "";
        const ids = await store.send(this.#queue, messages);
        assert.deepEqual([last, ...ids].toSorted(compare), [last, ...ids], "ids ascend");
        this.#model.send(messages, ids, now);
        break;
      }
      case "exchange": {
        const { max, lease } = command.receive ?? {};
        const request = {
          settle: this.#settlements(command.settle),
          crashLimit: command.crashLimit,
          ...(max === undefined || lease === undefined ? {} : { receive: { max, lease, token: this.#tokens.next() } }),
        };
        const { nextDue, ...reply } = await store.exchange(this.#queue, request);
        const { nextDue: expectedDue, ...expected } = this.#model.exchange(request, now);
        assert.deepEqual(reply, expected);
        this.#assertTime(nextDue, expectedDue, "nextDue");
        for (const { id } of reply.received) this.#leases.push({ id, token: request.receive?.token ?? "" });
        break;
      }
      case "extend": {
        const leases = command.leases.flatMap((pick) => this.#lease(pick) ?? []);
        if (leases.length === 0) break;
        assert.deepEqual(await store.extend(this.#queue, leases, command.ms), this.#model.extend(leases, command.ms, now));
        break;
      }
      case "pass":
        await this.#harness.pass(command.ms);
    }
  }

  /** Asserts that the engine holds what the model holds. */
  async compare(): Promise<void> {
    const { store } = this.#harness;
    for (const state of STATES) {
      let found = await listAll(store, this.#queue, state, 7);
      let expected = this.#model.list(state);
      if (this.#tolerance > 0 && state !== "ready") {
        // The engine's times are not known exactly, and so neither is the order by them.
        found = found.toSorted((a, b) => compare(a.id, b.id));
        expected = expected.toSorted((a, b) => compare(a.id, b.id));
      }
      assert.deepEqual(found.map(withoutTimes), expected.map(withoutTimes), state);
      found.forEach((message, i) => this.#assertTime(timeOf(message), timeOf(expected[i]), `the time of ${message.id}`));
    }
    assert.deepEqual(await store.counts(this.#queue), this.#model.counts());
  }

  #settlements(endings: readonly Ending[]): Settlement[] {
    const settle = new Map<string, Settlement>();
    for (const ending of endings) {
      const lease = this.#lease(ending);
      if (lease === undefined) continue;
      const { kind, delay } = ending;
      const error = { name: "Error", message: `${kind} ${this.#sent}` };
      switch (kind) {
        case "ack":
          settle.set(lease.id, { ...lease, kind });
          break;
        case "retry":
          settle.set(lease.id, { ...lease, kind, delay, error });
          break;
        case "release":
          settle.set(lease.id, { ...lease, kind, delay });
          break;
        default:
          // With an error or without: both must do.
          settle.set(lease.id, { ...lease, kind: "dead", reason: kind, ...(delay > 0 ? { error } : {}) });
      }
    }
    return [...settle.values()];
  }

  #lease({ place, wrongToken }: Pick): Lease | undefined {
    // From the last one back: the early ones were mostly ended.
    const lease = this.#leases.at(-1 - (place % Math.max(1, this.#leases.length)));
    return lease === undefined || !wrongToken ? lease : { id: lease.id, token: this.#tokens.next() };
  }

  #assertTime(found: number | undefined, expected: number | undefined, what: string): void {
    const same = found === undefined || expected === undefined ? found === expected : Math.abs(found - expected) <= this.#tolerance;
    assert(same, `${what} is ${String(found)}, and should be ${String(expected)}`);
  }
}

function withoutTimes({ dueAt: _due, leaseExpiresAt: _expires, diedAt: _died, ...rest }: StoredMessage): Partial<StoredMessage> {
  return rest;
}

function timeOf(message: StoredMessage | undefined): number | undefined {
  return message?.dueAt ?? message?.leaseExpiresAt ?? message?.diedAt;
}

function duels(engine: string, factory: StoreFactory, times: Times, runs: number): void {
  describe(`model: ${engine}`, () => {
    let harness: Harness | undefined;
    before(async () => {
      harness = await factory.open();
    });
    after(() => harness?.close());

    it(`${engine} does what the model does, in ${runs} random sequences`, async () => {
      let played = 0;
      const property = fc.asyncProperty(commands(times), async (sequence) => {
        assert(harness !== undefined);
        played += 1;
        const duel = new Duel(harness, `m${played}`, times.tolerance);
        for (const command of sequence) {
          await duel.play(command);
          await duel.compare();
        }
      });
      try {
        await fc.assert(property, { seed: SEED, numRuns: runs });
      } catch (cause) {
        throw new Error(`The engine and the model differ. Play the same again with BATON_TEST_SEED=${SEED}.`, { cause });
      }
    });
  });
}

duels("sqlite in memory", sqliteMemory, BY_HAND, 300);
duels("redis", redis(), BY_SERVER, 60);
