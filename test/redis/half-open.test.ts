import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { connect, StoreUnavailableError } from "../../src/index.ts";
import { Baton } from "../../src/runtime/baton.ts";
import { openRedisStore } from "../../src/store/redis/redis-store.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until, within } from "../support/until.ts";
import { Proxy } from "./support/proxy.ts";

const SILENCE_LIMIT_MS = 600;

test("a half-open connection is noticed by the client itself; a send in flight is reported as unknown", async () => {
  await using server = await RedisServer.start();
  await using proxy = await Proxy.start(server.port);
  await using baton = await open(proxy.url);
  await using direct = await connect(server.url);
  const queue = baton.queue<number>("half");
  await queue.send(1);
  proxy.mode = "stall replies";
  const sent = assert.rejects(queue.send(2), (error) => {
    assert(error instanceof StoreUnavailableError, String(error));
    assert.equal(error.outcome, "unknown");
    return true;
  });
  await within(sent, "the send was given up");
  proxy.mode = "pass";
  await queue.send(3);
  // The one whose reply was lost was stored, this time.
  const messages = await direct.queue<number>("half").receive({ max: 10 });
  assert.deepEqual(messages.map(({ body }) => body), [1, 2, 3]);
});

test("an event loop that is blocked for longer than the limit does not make the connection look dead", async () => {
  await using server = await RedisServer.start();
  await using baton = await open(server.url);
  const lost: unknown[] = [];
  baton.onAvailability((error) => lost.push(error));
  const queue = baton.queue<number>("busy");
  const sent = Promise.all([queue.send(1), new Promise((resolve) => setTimeout(resolve, 5))]);
  const end = performance.now() + 2 * SILENCE_LIMIT_MS;
  while (performance.now() < end);
  const second = queue.send(2);
  await sent;
  await second;
  assert.deepEqual(lost, []);
});

test("what a lost receive was handed is given back, and not counted as a crash", async () => {
  await using server = await RedisServer.start();
  await using proxy = await Proxy.start(server.port);
  await using baton = await open(proxy.url);
  await using direct = await connect(server.url);
  const queue = baton.queue<number>("lost");
  await queue.sendMany([1, 2, 3].map((body) => ({ body })));
  proxy.mode = "stall replies";
  await assert.rejects(queue.receive({ max: 3, lease: "1m" }), StoreUnavailableError);
  assert.equal((await direct.queue("lost").counts()).active, 3);
  proxy.mode = "pass";
  await until(async () => (await direct.queue("lost").counts()).ready === 3, "they were given back");
  const messages = await direct.queue<number>("lost").receive({ max: 3 });
  assert.deepEqual(messages.map(({ body, crashes, failures }) => [body, crashes, failures]), [[1, 0, 0], [2, 0, 0], [3, 0, 0]]);
});

test("workers live through connections that drop again and again, and through late replies", async () => {
  await using server = await RedisServer.start();
  await using proxy = await Proxy.start(server.port);
  await using baton = await open(proxy.url);
  await using direct = await connect(server.url);
  const count = 300;
  await direct.queue<number>("drops").sendMany(Array.from({ length: count }, (_, body) => ({ body })));
  const seen = new Set<number>();
  const worker = baton.queue<number>("drops").work((message) => void seen.add(message.body), { concurrency: 5 });
  worker.on("problem", () => {});
  proxy.delay = 5;
  for (let i = 1; i <= 4; i += 1) {
    await until(() => seen.size >= i * 20, "some were handled");
    proxy.drop();
  }
  await until(() => seen.size === count, "all were handled");
  await until(async () => (await direct.queue("drops").counts()).active === 0, "all were acked");
  await worker.stop();
});

for (const how of ["gone", "silent"] as const) {
  test(`close() ends with the server ${how}`, async () => {
    await using server = await RedisServer.start();
    await using proxy = await Proxy.start(server.port);
    const baton = await open(proxy.url);
    const lost = new Promise<void>((resolve) => void baton.onAvailability((error) => error !== undefined && resolve()));
    const worker = baton.queue("away").work(async () => {});
    worker.on("problem", () => {});
    await baton.queue("away").send(1);
    if (how === "gone") {
      await server.kill();
      proxy.drop();
    } else proxy.mode = "stall";
    const sent = baton.queue("away").send(2).catch((error: unknown) => error);
    await lost;
    await within(baton.close({ grace: 0 }), "it was closed");
    assert((await within(sent, "the send was given up")) instanceof Error);
  });
}

async function open(url: string): Promise<Baton> {
  const store = await openRedisStore({ url, prefix: "baton", clock: systemClock, connectTimeout: 5000, silenceLimit: SILENCE_LIMIT_MS });
  return new Baton(store, systemClock, 1024 * 1024);
}
