import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect, StoreError, type Baton } from "../../src/index.ts";
import { systemClock } from "../../src/core/clock.ts";
import { KEY_TYPES } from "../../src/store/redis/keys.ts";
import { openRedisStore } from "../../src/store/redis/redis-store.ts";
import { RedisServer } from "../support/redis-server.ts";
import { type Control, control } from "./support/control.ts";

describe("what others wrote", () => {
  let server: RedisServer;
  let admin: Control;
  let baton: Baton;
  before(async () => {
    server = await RedisServer.start();
    admin = await control(server.port);
    baton = await connect(server.url);
  });
  after(async () => {
    await baton.close();
    admin.close();
    await server.stop();
  });

  for (const name of Object.keys(KEY_TYPES)) {
    test(`a foreign type under ${name} is named, nothing is lost, and the other queues go on`, async () => {
      const queue = baton.queue<number>(`foreign-${name}`);
      const key = `baton:{foreign-${name}}:${name}`;
      await queue.sendMany([1, 2, 3, 4].map((body) => ({ body })));
      const [first, second] = await queue.receive({ max: 2 });
      await queue.sendMany([{ body: 5, delay: 1 }, { body: 6, priority: 1 }]);
      await admin.send("RENAMENX", key, `${key}-kept`).catch(() => {});
      await admin.send("SET", key, "somebody else's");

      const named = (error: unknown): boolean => {
        assert(error instanceof StoreError && error.code === "BATON_STORE_CORRUPT", String(error));
        assert(error.message.includes(key), error.message);
        assert.match(error.message, /is a string/);
        return true;
      };
      const outcomes = await Promise.allSettled([first?.ack(), second?.nack(), queue.send(7), queue.receive({ max: 10 })]);
      for (const outcome of outcomes) if (outcome.status === "rejected") named(outcome.reason);
      assert(outcomes.some(({ status }) => status === "rejected"));

      const other = baton.queue("unharmed");
      await other.send(1);
      const [message] = await other.receive({ wait: "2s" });
      await message?.ack();

      await admin.send("DEL", key);
      await admin.send("RENAME", `${key}-kept`, key).catch(() => {});
      // What was refused changed nothing; what was done is done; each message is still somewhere, or was acked.
      const done = outcomes.filter(({ status }) => status === "fulfilled").length;
      const { ready, delayed, active, dead } = await queue.counts();
      const acked = outcomes[0]?.status === "fulfilled" ? 1 : 0;
      const added = outcomes[2]?.status === "fulfilled" ? 1 : 0;
      assert.equal(ready + delayed + active + dead, 6 - acked + added, `${done} calls went through`);
      assert.equal(Number(await admin.send("HLEN", `baton:{foreign-${name}}:messages`)), 6 - acked + added);
    });
  }

  test("a foreign type under the registry's key harms no queue, and queues() names it", async () => {
    await admin.send("SET", "other:queues", "x");
    await using apart = await connect(server.url, { prefix: "other" });
    await apart.queue("a").send(1);
    const [message] = await apart.queue("a").receive();
    await message?.ack();
    await assert.rejects(apart.queues(), /other:queues/);
  });

  test("records and heads broken by hand are dead as unreadable, and the rest flows", async () => {
    const queue = baton.queue<string>("broken", { attempts: 2, crashes: 2 });
    const records = [
      "no line feed at all",
      "not json\n1",
      "\n{broken json",
      '{"b":"zstd"}\n1',
      '{"p":null}\n1',
      '{"p":"x"}\n1',
      '{"c":{}}\n1',
      '{"f":-1}\n1',
      '{"f":1e999}\n1',
      "[1,2]\n1",
      "null\n1",
      `${"[".repeat(2000)}\n1`,
      '{"e":{"name":"x"}}\n1',
      "",
    ];
    const sent = await queue.sendMany(records.map((_, i) => ({ body: `ok ${i}` })));
    for (const [i, { id }] of sent.entries()) await admin.send("HSET", "baton:{broken}:messages", id, records[i] ?? "");
    const [good] = await queue.sendMany([{ body: "good" }]);
    // Each also goes through the scripts that rewrite records: a lease that runs out, a failure.
    const store = await openRedisStore({ url: server.url, prefix: "baton", clock: systemClock, connectTimeout: 5000 });
    try {
      const receive = { max: 1000, lease: 60_000, token: "t.1" };
      const { received } = await store.exchange("broken", { settle: [], receive, crashLimit: 5 });
      assert.equal(received.length, records.length + 1);
      const error = { name: "Error", message: "no" };
      const settle = received.slice(0, 7).map(({ id }) => ({ kind: "retry" as const, id, token: "t.1", delay: 1, error }));
      assert((await store.exchange("broken", { settle, crashLimit: 5 })).settled.every(Boolean));
      await store.extend("broken", received.slice(7).map(({ id }) => ({ id, token: "t.1" })), 0);
    } finally {
      await store.close();
    }
    const handled: string[] = [];
    await queue.work((message) => void handled.push(message.body), { concurrency: 3, untilEmpty: true }).stopped;
    assert.deepEqual(handled, ["good"]);
    assert.equal((await queue.list({ state: "dead" })).messages.length, records.length);
    for (const message of (await queue.list({ state: "dead" })).messages) assert.equal(message.reason, "unreadable");
    assert.equal(await queue.get(good?.id ?? ""), undefined);
  });

  test("junk in the structures is passed over", async () => {
    const queue = baton.queue<string>("junk");
    await queue.send("good");
    await admin.send("LPUSH", "baton:{junk}:ready", "foo", "");
    await admin.send("ZADD", "baton:{junk}:ranked", "-5", "bar", "nan-no", "x".repeat(200)).catch(() => {});
    await admin.send("ZADD", "baton:{junk}:delayed", "1", "660f98f0e81427f3k2:xyz", "1", "baz");
    await admin.send("ZADD", "baton:{junk}:leases", "1", "qux", "1", "660f98f0e81427f3k2:tok");
    await admin.send("HSET", "baton:{junk}:meta", "sequence", "not a number");
    await queue.send("also good");
    const handled: string[] = [];
    await queue.work((message) => void handled.push(message.body), { untilEmpty: true }).stopped;
    assert.deepEqual(handled, ["good", "also good"]);
  });

  test("an error's text that UTF-8 has no form for is made well-formed and kept", async () => {
    const queue = baton.queue("surrogate", { attempts: 1 });
    const { id } = await queue.send(1);
    const [message] = await queue.receive();
    await message?.nack({ error: new Error('half a pair \ud800, a "quote"\n and \0') });
    const found = await queue.get(id);
    assert.equal(found?.state, "dead");
    assert.equal(found?.error?.message, 'half a pair \ufffd, a "quote"\n and \0');
  });
});
