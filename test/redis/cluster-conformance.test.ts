import { createCluster } from "@redis/client";
import { systemClock } from "../../src/core/clock.ts";
import { randomText } from "../../src/core/ids.ts";
import { partitionKeys } from "../../src/store/redis/keys.ts";
import { openRedisStore } from "../../src/store/redis/redis-store.ts";
import type { Store } from "../../src/store/store.ts";
import type { Harness } from "../conformance/harness.ts";
import { conformance } from "../conformance/suite.ts";
import { startCluster, type TestCluster } from "./support/cluster.ts";

/** Milliseconds. */
const CONNECT_TIMEOUT = 10_000;

let cluster: Promise<TestCluster> | undefined;
let open = 0;

conformance("redis cluster", {
  async open() {
    open += 1;
    cluster ??= startCluster();
    return onCluster(await cluster);
  },
});

async function onCluster(started: TestCluster): Promise<Harness> {
  const prefix = `test-${randomText(8)}`;
  const handles: Store[] = [];
  const another = async (): Promise<Store> => {
    const store = await openRedisStore({ url: started.url, prefix, clock: systemClock, connectTimeout: CONNECT_TIMEOUT });
    handles.push(store);
    return store;
  };
  const plain = createCluster({ rootNodes: started.nodes.map(({ url }) => ({ url })) });
  plain.on("error", () => {});
  await plain.connect();
  const now = async (): Promise<number> => {
    const reply = await plain.sendCommand<string[]>("x", true, ["TIME"]);
    const [seconds = 0, micros = 0] = reply.map(Number);
    return seconds * 1000 + Math.floor(micros / 1000);
  };
  let closed = false;
  return {
    store: await another(),
    another,
    async inbox(queue, bodies) {
      const key = partitionKeys(prefix, queue).inbox;
      await plain.sendCommand(key, false, ["RPUSH", key, ...bodies]);
    },
    async pass(ms) {
      const end = (await now()) + ms;
      while ((await now()) < end);
    },
    now,
    async close() {
      if (closed) return;
      closed = true;
      await Promise.all(handles.map((handle) => handle.close()));
      plain.destroy();
      open -= 1;
      if (open > 0) return;
      const ended = cluster;
      cluster = undefined;
      await (await ended)?.[Symbol.asyncDispose]();
    },
  };
}
