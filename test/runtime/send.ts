import assert from "node:assert/strict";
import { it } from "node:test";
import { BodyError, ClosedError, type Duration, UsageError } from "../../src/index.ts";
import { batonOn, withBaton } from "./helpers.ts";
import { type Engine, freshName } from "./suite.ts";
import { numbersOnly } from "./schemas.ts";

export function sendCases(engine: Engine): void {
  it(
    "what is sent is received, whatever JSON it is",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      const bodies = [{ a: [1, "ä", null] }, "text\n\u0000\u{1F600}", 0, "", [], null, true];
      for (const body of bodies) await queue.send(body);
      const received = await queue.receive({ max: 100 });
      assert.deepEqual(received.map(({ body }) => body), bodies);
    }),
  );

  it(
    "bytes come back as bytes",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<Uint8Array>(freshName());
      await queue.send(new Uint8Array([0, 255, 10]));
      const [message] = await queue.receive();
      assert.deepEqual(message?.body, new Uint8Array([0, 255, 10]));
    }),
  );

  it(
    "sends of one tick are handed out in the order of the calls",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      const sent = await Promise.all(Array.from({ length: 2500 }, (_, n) => queue.send(n)));
      const received = [...(await queue.receive({ max: 1000 })), ...(await queue.receive({ max: 1000 })), ...(await queue.receive({ max: 1000 }))];
      assert.deepEqual(received.map(({ body }) => body), Array.from({ length: 2500 }, (_, n) => n));
      assert.deepEqual(received.map(({ id }) => id), sent.map(({ id }) => id));
    }),
  );

  it(
    "sendMany keeps the order and returns the ids in it",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<number>(freshName());
      const sent = await queue.sendMany([{ body: 1 }, { body: 2, priority: 7 }, { body: 3 }]);
      const received = await queue.receive({ max: 10 });
      assert.deepEqual(received.map(({ body }) => body), [2, 1, 3]);
      assert.deepEqual(received.map(({ id }) => id), [sent[1]?.id, sent[0]?.id, sent[2]?.id]);
    }),
  );

  it(
    "sendMany of nothing sends nothing",
    withBaton(engine, async (baton) => {
      assert.deepEqual(await baton.queue(freshName()).sendMany([]), []);
    }),
  );

  it(
    "a bad item among many is refused before any is stored",
    withBaton(engine, async (baton) => {
      const queue = baton.queue<unknown>(freshName());
      await assert.rejects(queue.sendMany([{ body: 1 }, { body: 2n }]), { code: "BATON_BODY_UNSERIALIZABLE" });
      assert.equal((await queue.counts()).ready, 0);
    }),
  );

  it(
    "a schema refuses bodies on send, and types them on receive",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName(), { schema: numbersOnly });
      await assert.rejects(queue.send("x" as unknown as number), (error: unknown) => error instanceof BodyError && error.code === "BATON_BODY_INVALID" && error.issues.length === 1);
      await queue.send(4);
      const [message] = await queue.receive();
      assert.equal(message?.body.toFixed(1), "4.0");
    }),
  );

  it(
    "what a schema refuses on receive is dead as unreadable, and the rest flows",
    withBaton(engine, async (baton) => {
      const name = freshName();
      const { id } = await baton.queue(name).send("x");
      await baton.queue(name).send(5);
      const queue = baton.queue(name, { schema: numbersOnly });
      const [message] = await queue.receive({ wait: 5000 });
      assert.equal(message?.body, 5);
      const dead = await queue.get(id);
      assert.equal(dead?.state, "dead");
      assert.equal(dead?.reason, "unreadable");
      assert.equal(dead?.failures, 0);
      assert.match(dead?.error?.message ?? "", /refused by the schema/);
    }),
  );

  it(
    "bad input gets a typed error that says how to mend it, and nothing is stored",
    withBaton(engine, async (baton) => {
      const name = freshName();
      const queue = baton.queue<unknown>(name);
      const circular: Record<string, unknown> = {};
      circular["self"] = circular;
      const cases: [() => unknown, string, RegExp][] = [
        [() => queue.send(circular), "BATON_BODY_UNSERIALIZABLE", /no cycles/],
        [() => queue.send(undefined), "BATON_BODY_UNSERIALIZABLE", /Send null/],
        [() => queue.send(() => {}), "BATON_BODY_UNSERIALIZABLE", /function/],
        [() => queue.send(1n), "BATON_BODY_UNSERIALIZABLE", /BigInt/],
        [() => queue.send("x".repeat(1024 * 1024)), "BATON_BODY_TOO_LARGE", /1048578 bytes.*limit is 1048576/],
        [() => queue.send(1, { delay: "5 parsecs" as Duration }), "BATON_DURATION_INVALID", /"5 parsecs".*"30s"/],
        [() => queue.send(1, { delay: -1 }), "BATON_DURATION_INVALID", /-1/],
        [() => queue.send(1, { delay: Number.NaN }), "BATON_DURATION_INVALID", /not a duration/],
        [() => queue.send(1, { priority: 1.5 }), "BATON_OPTION_INVALID", /1\.5.*from 0 to 1000000/],
        [() => queue.send(1, { priority: -1 }), "BATON_OPTION_INVALID", /priority/],
        [() => queue.send(1, { prio: 1 } as object), "BATON_OPTION_UNKNOWN", /"prio".*It takes: delay, priority, signal/],
        [() => queue.send(1, 5 as unknown as object), "BATON_OPTION_INVALID", /must be an object/],
        [() => queue.send(1, { signal: {} as AbortSignal }), "BATON_OPTION_INVALID", /AbortSignal/],
        [() => queue.sendMany([{} as { body: unknown }]), "BATON_OPTION_INVALID", /item 0.*no body/],
        [() => queue.receive({ max: 0 }), "BATON_OPTION_INVALID", /from 1 to 1000/],
        [() => queue.receive({ lease: 1 }), "BATON_OPTION_INVALID", /at least 10 ms/],
        [() => queue.receive({ wait: "soon" }), "BATON_DURATION_INVALID", /wait/],
        [() => queue.list({ state: "lost" as "dead" }), "BATON_OPTION_INVALID", /ready, delayed, active, dead/],
        [() => queue.work("x" as unknown as () => void), "BATON_OPTION_INVALID", /function/],
        [() => queue.work(() => {}, { concurrency: 0 }), "BATON_OPTION_INVALID", /concurrency/],
        [() => queue.work(() => {}, { retries: 1 } as object), "BATON_OPTION_UNKNOWN", /retries/],
        [() => queue.consume({ max: 1 } as object), "BATON_OPTION_UNKNOWN", /max/],
        [() => baton.queue("a{b}"), "BATON_QUEUE_NAME_INVALID", /letters, digits/],
        [() => baton.queue("a\nb"), "BATON_QUEUE_NAME_INVALID", /a\\nb/],
        [() => baton.queue(""), "BATON_QUEUE_NAME_INVALID", /1 to 128/],
        [() => baton.queue("x".repeat(129)), "BATON_QUEUE_NAME_INVALID", /1 to 128/],
        [() => baton.queue("a:1"), "BATON_QUEUE_NAME_INVALID", /letters, digits/],
        [() => baton.queue(name, { attempts: 0 }), "BATON_OPTION_INVALID", /attempts/],
        [() => baton.queue(name, { retries: 0 } as object), "BATON_OPTION_UNKNOWN", /retries/],
        [() => baton.queue(name, { schema: {} as typeof numbersOnly }), "BATON_OPTION_INVALID", /Standard Schema/],
      ];
      for (const [call, code, message] of cases) {
        await assert.rejects(
          async () => call(),
          (error: unknown) => {
            assert.ok(error instanceof UsageError, `${call}: ${String(error)}`);
            assert.equal(error.code, code, String(call));
            assert.match(error.message, message);
            return true;
          },
        );
      }
      assert.deepEqual(await queue.counts(), { ready: 0, delayed: 0, active: 0, dead: 0 });
    }),
  );

  it(
    "a send whose signal has aborted sends nothing",
    withBaton(engine, async (baton) => {
      const queue = baton.queue(freshName());
      await assert.rejects(queue.send(1, { signal: AbortSignal.abort(new Error("enough")) }), { message: "enough" });
      assert.equal((await queue.counts()).ready, 0);
    }),
  );

  it("close stores what was sent before it, and refuses what comes after", async () => {
    const baton = batonOn(await engine.open());
    const queue = baton.queue(freshName());
    const sent = queue.send(1);
    const closing = baton.close();
    assert.match((await sent).id, /^[0-9a-f]{13}[0-9a-z]{5}$/);
    await assert.rejects(queue.send(2), ClosedError);
    await closing;
    await assert.rejects(queue.counts(), ClosedError);
    assert.throws(() => baton.queue("x"), ClosedError);
    await baton.close();
  });
}
