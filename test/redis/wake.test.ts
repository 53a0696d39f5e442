import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { control, many, total, type Control } from "./support/control.ts";

const LISTENERS = 50;

test("one message for fifty idle connections costs about one receive, and leaves them idle", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using stack = new AsyncDisposableStack();
  await using sender = await connect(server.url);
  let handled = 0;
  for (const one of await many(server.url, LISTENERS, stack)) one.queue("crowd").work(() => void (handled += 1));
  await blocked(admin, LISTENERS);
  await sender.queue("crowd").counts();
  await admin.send("CONFIG", "RESETSTAT");
  await sender.queue("crowd").send(1);
  await until(() => handled === 1, "it was handled");
  // Long enough for every look that is planned: the whole time a blocking command takes.
  await sleep(6000);
  const calls = await admin.calls();
  const scripts = calls.get("evalsha") ?? 0;
  console.log(`one message for ${LISTENERS} idle connections: ${scripts} calls of scripts (send, receive, ack and receive), ${total(calls)} commands in 6 s in all`);
  // send, receive, ack; the worker then looks whether there is more.
  assert(scripts <= 8, `${scripts} calls`);
});

test("a message for an idle worker is picked up with a handful of commands, none of them a poll", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  const { promise: handled, resolve } = Promise.withResolvers<void>();
  baton.queue("quick").work(() => resolve());
  await blocked(admin, 1);
  await admin.send("CONFIG", "RESETSTAT");
  await baton.queue("quick").send(1);
  await handled;
  const calls = await admin.calls();
  console.log(`from send to handler, idle: ${[...calls].filter(([name]) => /eval|blpop/.test(name)).map((call) => call.join(" ")).join(", ")}`);
  assert((calls.get("evalsha") ?? 0) <= 3);
});

test("a token that went down with its process costs seconds, not the message", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  const { promise: handled, resolve } = Promise.withResolvers<void>();
  baton.queue("token").work(() => resolve());
  await blocked(admin, 1);
  // In one go: nobody blocked gets the token.
  await admin.send("MULTI");
  await admin.send("HSET", "baton:{token}:messages", "660f98f0e81427f3k2", "\n1");
  await admin.send("RPUSH", "baton:{token}:ready", "660f98f0e81427f3k2");
  await admin.send("EXEC");
  await handled;
});

test("who stops as it is woken passes the wake-up on", async () => {
  await using server = await RedisServer.start();
  await using one = await connect(server.url);
  await using two = await connect(server.url);
  await using admin = await control(server.port);
  for (let round = 0; round < 20; round += 1) {
    const stop = new AbortController();
    const leaving = one.queue("passed").receive({ wait: "1m", signal: stop.signal });
    await blocked(admin, 1);
    const staying = two.queue("passed").receive({ wait: "1m" });
    await blocked(admin, 2);
    const sent = one.queue("passed").send(round);
    stop.abort();
    const [left, stayed] = await Promise.allSettled([leaving, staying, sent]);
    const [message] = left.status === "fulfilled" ? left.value : stayed.status === "fulfilled" ? stayed.value : [];
    assert.equal(message?.body, round);
    await message?.ack();
    if (left.status === "fulfilled") break;
  }
});

async function blocked(admin: Control, count: number): Promise<void> {
  await until(async () => (await admin.info("clients", "blocked_clients")) === count, `${count} wait`);
}
