import { after } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { openRedisStore } from "../../src/store/redis/redis-store.ts";
import { RedisServer, valkeyBinary } from "../support/redis-server.ts";
import { clientSuite } from "./suite.ts";

const valkey = valkeyBinary();
const binaries = [{ name: "Redis", binary: undefined }, ...(valkey === undefined ? [] : [{ name: "Valkey", binary: valkey }])];

for (const { name, binary } of binaries) {
  const server = await RedisServer.start(binary === undefined ? {} : { binary });
  after(() => server.stop());
  clientSuite(name, {
    shared: true,
    open: () => openRedisStore({ url: server.url, prefix: "baton", clock: systemClock, connectTimeout: 5000 }),
  });
}
