import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, StoreFullError } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { control } from "./support/control.ts";

test("with memory full send says so, and receive, extend, every way to end a lease and work go on until the queue is drained", async () => {
  await using server = await RedisServer.start({ args: ["--maxmemory-policy", "noeviction"] });
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  const queue = baton.queue<string>("full", { attempts: 2 });
  const other = baton.queue("other");
  await other.send(1);
  const [held] = await other.receive({ lease: "1m" });
  await queue.sendMany(Array.from({ length: 3000 }, (_, i) => ({ body: "x".repeat(500), ...(i % 10 === 0 ? { priority: 3 } : {}) })));
  await queue.sendMany(Array.from({ length: 200 }, () => ({ body: "later", delay: 50 })));
  await admin.send("RPUSH", "baton:{full}:inbox", ...Array.from({ length: 500 }, () => "raw"));
  await admin.send("CONFIG", "SET", "maxmemory", "1000000");

  await assert.rejects(queue.send("one more"), (error) => {
    assert(error instanceof StoreFullError, String(error));
    assert.match(error.message, /maxmemory/);
    return true;
  });
  // A queue nobody used before can be looked at too.
  assert.deepEqual(await baton.queue("new").receive(), []);
  await held?.extend("2m");
  await held?.nack({ error: new Error("no") });

  const messages = await queue.receive({ max: 40 });
  assert.equal(messages.length, 40);
  await Promise.all(
    messages.map((message, i) =>
      i % 4 === 0 ? message.ack() : i % 4 === 1 ? message.nack({ delay: 10 }) : i % 4 === 2 ? message.release() : message.reject(),
    ),
  );
  let failed = 0;
  const worker = queue.work((message) => {
    if (message.failures === 0 && failed++ < 100) throw new Error("again");
  }, { concurrency: 100, untilEmpty: true });
  await worker.stopped;
  assert.deepEqual(await queue.counts(), { ready: 0, delayed: 0, active: 0, dead: 10 });
  await admin.send("CONFIG", "SET", "maxmemory", "0");
  await queue.send("there is room again");
});
