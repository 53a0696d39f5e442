import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Baton, connect, StoreError, StoreUnavailableError } from "../../src/index.ts";
import { slotOf } from "../../src/store/redis/slots.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { startCluster, type TestCluster } from "./support/cluster.ts";

describe("a cluster", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster[Symbol.asyncDispose]());

  test("a key's slot is what the server says", async () => {
    const [node] = cluster.nodes;
    assert(node !== undefined);
    const admin = await cluster.admin(node);
    for (const key of ["", "123456789", "baton:queues", "baton:{emails}:ready", "baton:{ünï-☃}:wake", "a:{b}:nudge:x", "{}x", "x{y"]) {
      assert.equal(slotOf(key), Number(await admin.send("CLUSTER", "KEYSLOT", key)), key);
    }
  });

  test("queues of all slots work, also by plain pushes, and are listed", async () => {
    await using baton = await connect(cluster.url);
    const names = Array.from({ length: 12 }, (_, i) => `spread-${i}`);
    const seen: unknown[] = [];
    for (const name of names) baton.queue(name).work((message) => void seen.push(message.body));
    await Promise.all(names.map((name) => baton.queue(name).send(name)));
    await until(() => seen.length === names.length, "all were handled");
    assert.deepEqual(new Set(seen), new Set(names));
    assert.deepEqual((await baton.queues()).filter((name) => name.startsWith("spread")), names.toSorted());
    const { node } = await cluster.owner("baton:{spread-3}:inbox");
    await (await cluster.admin(node)).send("RPUSH", "baton:{spread-3}:inbox", "raw");
    await until(() => seen.includes("raw"), "the plain push was handled");
  });

  test("redis:// to a cluster, and redis+cluster:// to a single server, are told apart", async () => {
    const urls = cluster.nodes.map(({ url }) => url);
    const outcomes = await Promise.allSettled(urls.map(async (url) => {
      await using baton = await connect(url);
      return await baton.queue("told").receive();
    }));
    const reasons = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    assert(reasons.length >= 4);
    for (const reason of reasons) assert(reason instanceof StoreError && /redis\+cluster/.test(reason.message), String(reason));
    await using single = await RedisServer.start();
    await assert.rejects(connect(single.url.replace("redis:", "redis+cluster:")), /is no cluster's node/);
  });

  test("a slot that migrates under load: nothing is lost, and one worker sees each sender's order", async () => {
    const { node: source, id: from } = await cluster.owner("baton:{moving}:ready");
    const { id: to } = await cluster.owner("baton:{elsewhere}:ready");
    assert.notEqual(from, to, "choose other names: these lie together");
    const slots = slotOf("baton:{moving}:ready");
    await underLoad(cluster, "moving", async () => {
      await migrate(cluster, source, slots, from, to);
      const now = await cluster.owner("baton:{moving}:ready");
      assert.equal(now.id, to);
    }, "strict");
  });

  test("CLUSTER FAILOVER under load: sends and work go on, nothing is lost", async () => {
    const { node } = await cluster.owner("baton:{promoted}:ready");
    const replica = await cluster.replicaOf(node);
    await underLoad(cluster, "promoted", async () => {
      await (await cluster.admin(replica)).send("CLUSTER", "FAILOVER");
      await until(async () => (await cluster.owner("baton:{promoted}:ready")).node === replica, "the replica was promoted");
    }, "strict");
  });

  test("a master killed under load: sends and work go on with its replica", async () => {
    const { node } = await cluster.owner("baton:{killed}:ready");
    await underLoad(cluster, "killed", async () => {
      const started = performance.now();
      await node.kill();
      await until(async () => {
        const owner = await cluster.owner("baton:{killed}:ready").catch(() => undefined);
        return owner !== undefined && owner.node !== node;
      }, "a replica was promoted");
      console.log(`cluster: a replica was promoted ${Math.round(performance.now() - started)} ms after its master was killed`);
    }, "lossy");
  });
});

/**
 * Sends and works while `fault` happens, and goes on for a while.
 *
 * @param losses `lossy`: replication is asynchronous, so a killed master takes its last writes along.
 */
async function underLoad(cluster: TestCluster, name: string, fault: () => Promise<void>, losses: "strict" | "lossy"): Promise<void> {
  await using sender = await connect(cluster.url);
  await using other: Baton = await connect(cluster.url);
  const seen: number[] = [];
  const worker = other.queue<number>(name).work((message) => void seen.push(message.body), { lease: "2s" });
  worker.on("problem", () => {});
  const queue = sender.queue<number>(name);
  const stored: number[] = [];
  let [sending, next] = [true, 0];
  const loop = (async () => {
    while (sending) {
      const body = next;
      next += 1;
      try {
        await queue.send(body);
        stored.push(body);
      } catch (error) {
        assert(error instanceof StoreUnavailableError, String(error));
      }
    }
  })();
  await until(() => seen.length > 100, "both work");
  await fault();
  const [storedBefore, seenBefore] = [stored.length, seen.length];
  await until(() => stored.length > storedBefore + 100 && seen.length > seenBefore + 100, "both go on");
  sending = false;
  await loop;
  await until(async () => {
    const { ready, active } = await queue.counts();
    return ready + active === 0;
  }, "the queue is drained");
  await worker.stop();
  const first = [...new Set(seen)];
  if (losses === "strict") {
    const gone = new Set(stored).difference(new Set(seen));
    assert.equal(gone.size, 0, `${gone.size} of ${stored.length} messages were lost`);
  }
  // Once each, but for those whose ack was lost with a connection; and in the order they were sent.
  assert(seen.length - first.length <= 20, `${seen.length - first.length} came twice`);
  assert.deepEqual(first, first.toSorted((a, b) => a - b));
}

/** Moves one slot with all its keys, a few keys at a time. */
async function migrate(cluster: TestCluster, source: RedisServer, slot: number, from: string, to: string): Promise<void> {
  const { node: target } = await cluster.owner("baton:{elsewhere}:ready");
  const [there, here] = [await cluster.admin(target), await cluster.admin(source)];
  await there.send("CLUSTER", "SETSLOT", String(slot), "IMPORTING", from);
  await here.send("CLUSTER", "SETSLOT", String(slot), "MIGRATING", to);
  for (;;) {
    const keys = await here.send("CLUSTER", "GETKEYSINSLOT", String(slot), "1");
    if (!Array.isArray(keys) || keys.length === 0) break;
    await here.send("MIGRATE", "127.0.0.1", String(target.port), "", "0", "5000", "KEYS", ...keys.map(String));
  }
  for (const one of [there, here]) await one.send("CLUSTER", "SETSLOT", String(slot), "NODE", to);
}
