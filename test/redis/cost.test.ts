import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { type Control, control, total } from "./support/control.ts";

const COUNT = 4000;
const BODY = "x".repeat(98);

// An id takes 32 bytes in the hash and 20 in the list, its entry 32 and its bucket 10, a body of 100 bytes 112: Debian's
// allocator rounds to 16 bytes. Redis's own, which rounds to 8, comes to 190.
test("a waiting message of 100 bytes takes at most 210 bytes of the server's memory", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  const queue = baton.queue<string>("memory");
  const before = await admin.info("memory", "used_memory");
  const count = 100_000;
  for (let i = 0; i < count; i += 10_000) await queue.sendMany(Array.from({ length: 10_000 }, () => ({ body: BODY })));
  const each = ((await admin.info("memory", "used_memory")) - before) / count;
  console.log(`memory: ${each.toFixed(1)} bytes a waiting message of 100 bytes, at ${count}`);
  assert(each <= 210);
  await queue.work(() => {}, { concurrency: 1000, untilEmpty: true }).stopped;
  const after = (await admin.info("memory", "used_memory")) - before;
  console.log(`memory: ${Math.round(after / 1000)} kB left after the drain`);
  assert(after < 2_000_000);
});

test("commands a message, in batches and one at a time", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  for (const concurrency of [200, 1]) {
    const how = concurrency === 1 ? "one at a time" : "in batches of up to 200";
    const queue = baton.queue<string>(`costs-${concurrency}`);
    await queue.counts();
    const send = async (): Promise<void> => {
      for (let i = 0; i < COUNT; i += concurrency) await Promise.all(Array.from({ length: concurrency }, () => queue.send(BODY)));
    };
    const sent = await spent(admin, send);
    const worked = await spent(admin, () => queue.work(() => {}, { concurrency, untilEmpty: true }).stopped);
    console.log(`${how}: send: ${sent.text}`);
    console.log(`${how}: receive and ack: ${worked.text}`);
    assert(sent.calls <= 1 / concurrency && worked.calls <= (concurrency === 1 ? 2.1 : 0.05));
  }
});

/** What the server did for each of COUNT messages. */
async function spent(admin: Control, work: () => Promise<unknown>): Promise<{ calls: number; text: string }> {
  await admin.send("CONFIG", "RESETSTAT");
  await work();
  const stats = String(await admin.send("INFO", "commandstats"));
  const found = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(stats);
  const [calls, inner, cpu] = [Number(found?.[1]), total(await admin.calls()), Number(found?.[2])].map((sum) => sum / COUNT);
  return { calls: calls ?? 0, text: `${calls?.toFixed(3)} calls, ${inner?.toFixed(2)} commands with those in scripts, ${cpu?.toFixed(2)} µs of the server` };
}
