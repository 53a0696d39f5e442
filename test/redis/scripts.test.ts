import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { control } from "./support/control.ts";

test("nobody notices that the script cache is flushed under pipelined load, and the order is kept", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  const queue = baton.queue<number>("flushed");
  const seen: number[] = [];
  const { promise: allSeen, resolve } = Promise.withResolvers<void>();
  const problems: unknown[] = [];
  const count = 6000;
  const worker = queue.work((message) => {
    seen.push(message.body);
    if (seen.length === count) resolve();
  });
  worker.on("problem", (error) => problems.push(error));

  const sends: Promise<unknown>[] = [];
  let flushes = 0;
  for (let i = 0; i < count; i += 1) {
    sends.push(queue.send(i));
    if (i % 100 !== 99) continue;
    if (i % 500 === 499) {
      flushes += 1;
      await admin.send("SCRIPT", "FLUSH");
    } else await sends.at(-4);
  }
  await Promise.all(sends);
  await allSeen;
  await worker.stop();
  assert.equal(flushes, 12);
  assert.deepEqual(seen, Array.from({ length: count }, (_, i) => i));
  assert.deepEqual(problems, []);
});

test("after a restart the scripts are there before the first call", async () => {
  await using server = await RedisServer.start();
  await using baton = await connect(server.url);
  await baton.queue("a").send(1);
  const back = new Promise<void>((resolve) => {
    const stop = baton.onAvailability((lost) => {
      if (lost !== undefined) return;
      stop();
      resolve();
    });
  });
  await server.restart();
  await back;
  await using admin = await control(server.port);
  await baton.queue("a").send(2);
  const text = String(await admin.send("INFO", "commandstats"));
  assert.match(text, /cmdstat_evalsha:calls=1,.*failed_calls=0/);
  assert.doesNotMatch(text, /cmdstat_eval:/);
});
