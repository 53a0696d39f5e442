import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, StoreUnavailableError, type Worker } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { control } from "./support/control.ts";

test("a server killed under load and restarted loses nothing that was sent, and workers go on by themselves", async () => {
  await using server = await RedisServer.start({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
  await using sender = await connect(server.url);
  await using workers = await connect(server.url);
  const stored = new Set<string>();
  const unknown: unknown[] = [];
  const acked = new Set<string>();
  const worker: Worker<number> = workers.queue<number>("load").work(async () => {}, { concurrency: 20 });
  worker.on("done", ({ id }) => acked.add(id));
  worker.on("problem", () => {});

  const queue = sender.queue<number>("load");
  let sending = true;
  const senders = Array.from({ length: 8 }, async (_, n) => {
    while (sending) {
      try {
        stored.add((await queue.send(n)).id);
      } catch (error) {
        assert(error instanceof StoreUnavailableError, String(error));
        assert.equal(error.outcome, "unknown");
        unknown.push(error);
      }
    }
  });
  for (const goal of [2000, 4000]) {
    await until(() => stored.size > goal && acked.size > goal / 2, "both work");
    await server.kill();
    const before = stored.size;
    await server.restart();
    await until(() => stored.size > before + 1000, "sends go on");
  }
  sending = false;
  await Promise.all(senders);
  await until(async () => {
    const { ready, active, delayed } = await queue.counts();
    return ready + active + delayed === 0;
  }, "the queue is drained");
  await worker.stop();
  const { dead } = await queue.counts();
  // An ack whose reply was lost took effect, and is then told as a lost lease: such a message left the queue all the same.
  const missing = [...stored].filter((id) => !acked.has(id));
  assert.equal(dead, 0);
  assert(missing.length <= 2 * 2 * 1000, `${missing.length} messages left without a confirmed ack`);
  for (const id of missing) assert.equal(await queue.get(id), undefined);
});

test("every message of an emptied store is gone, and workers and senders go on", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  const queue = baton.queue<number>("emptied");
  let handled = 0;
  const worker = queue.work(async () => {
    handled += 1;
  }, { concurrency: 10 });
  let sending = true;
  let sent = 0;
  const sender = (async () => {
    while (sending) {
      await Promise.all(Array.from({ length: 20 }, () => queue.send(1)));
      sent += 20;
    }
  })();
  for (let i = 0; i < 5; i += 1) {
    const before = handled;
    await until(() => handled > before + 200, "messages are handled");
    await admin.send("FLUSHALL");
  }
  const before = handled;
  await until(() => handled > before + 200, "messages are handled after the last time");
  sending = false;
  await sender;
  await until(async () => (await queue.counts()).ready === 0, "the queue is drained");
  assert(sent > 0);
  // The registry of names went too, and came back.
  await queue.send(1);
  assert.deepEqual(await baton.queues(), ["emptied"]);
  await worker.stop();
});
