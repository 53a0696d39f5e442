import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, StoreUnavailableError } from "../../src/index.ts";
import { until } from "../support/until.ts";
import { startSentinels } from "./support/sentinels.ts";

test("when the master is killed, sends and work go on with the promoted replica", async () => {
  await using deployment = await startSentinels();
  await using baton = await connect(deployment.url);
  const queue = baton.queue<number>("failover");
  let handled = 0;
  const worker = queue.work(async () => void (handled += 1), { concurrency: 5, lease: "1s" });
  worker.on("problem", () => {});
  let sending = true;
  let sent = 0;
  const sender = (async () => {
    while (sending) {
      try {
        await queue.send(sent);
        sent += 1;
      } catch (error) {
        assert(error instanceof StoreUnavailableError, String(error));
      }
    }
  })();
  await until(() => sent > 200 && handled > 200, "both work");
  await deployment.master.kill();
  const [sentBefore, handledBefore] = [sent, handled];
  const started = performance.now();
  await until(() => sent > sentBefore + 200 && handled > handledBefore + 200, "both work again");
  console.log(`sentinel: sends and work went on ${Math.round(performance.now() - started)} ms after the master was killed`);
  sending = false;
  await sender;
  await until(async () => {
    const { ready, active } = await queue.counts();
    return ready + active === 0;
  }, "the queue is drained");
  await worker.stop();
});

test("a name no sentinel knows is a typed error within the connect timeout", async () => {
  await using deployment = await startSentinels();
  await assert.rejects(connect(deployment.url.replace("/main", "/other"), { connectTimeout: 700 }), /knows no master named "other"/);
});
