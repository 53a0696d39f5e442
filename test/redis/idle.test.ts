import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { control, total } from "./support/control.ts";

const BLOCK_MS = 5000;

test("an idle worker issues at most one command in five seconds", async () => {
  await using server = await RedisServer.start();
  await using admin = await control(server.port);
  await using baton = await connect(server.url);
  const worker = baton.queue("idle").work(async () => {}, { concurrency: 10 });
  await until(async () => (await admin.info("clients", "blocked_clients")) === 1, "it waits");
  await admin.send("CONFIG", "RESETSTAT");
  // Nothing signals that nothing happens: this one has to wait.
  await sleep(2 * BLOCK_MS + 1000);
  const calls = await admin.calls();
  console.log(`an idle worker in ${2 * BLOCK_MS + 1000} ms: ${total(calls)} commands (${[...calls].map((call) => call.join(" ")).join(", ")})`);
  assert(total(calls) <= 2, `${total(calls)} commands`);
  await worker.stop();
});
