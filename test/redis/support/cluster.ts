import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { RedisServer } from "../../support/redis-server.ts";
import { until } from "../../support/until.ts";
import { type Control, control } from "./control.ts";

const run = promisify(execFile);

export interface TestCluster extends AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  readonly url: string;
  /** Runs `redis-cli --cluster`. */
  cli(...args: string[]): Promise<string>;
  /** Which node is the master of a key's slot, and what is known of it. */
  owner(key: string): Promise<{ readonly node: RedisServer; readonly id: string; readonly slot: number }>;
  /** A replica of the node. */
  replicaOf(node: RedisServer): Promise<RedisServer>;
  admin(node: RedisServer): Promise<Control>;
}

/** Three masters with a replica each, on loopback. */
export async function startCluster(): Promise<TestCluster> {
  await using stack = new AsyncDisposableStack();
  const nodes = await Promise.all(Array.from({ length: 6 }, startNode));
  for (const node of nodes) stack.use(node);
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const cli = async (...args: string[]): Promise<string> => (await run("redis-cli", ["--cluster", ...args])).stdout;
  await cli("create", ...addresses, "--cluster-replicas", "1", "--cluster-yes");
  const controls = new Map<RedisServer, Promise<Control>>();
  const admin = (node: RedisServer): Promise<Control> => {
    const open = controls.get(node) ?? control(node.port);
    controls.set(node, open);
    return open;
  };
  for (const node of nodes) {
    await until(async () => /cluster_state:ok/.test(String(await (await admin(node)).send("CLUSTER", "INFO"))), "the node is in");
  }
  await until(async () => {
    const infos = await Promise.all(nodes.map(async (node) => String(await (await admin(node)).send("INFO", "replication"))));
    return infos.filter((info) => /role:slave[^]*master_link_status:up/.test(info)).length === 3;
  }, "the replicas follow");
  const byPort = (port: number): RedisServer => {
    const found = nodes.find((node) => node.port === port);
    if (found === undefined) throw new Error(`no node on port ${port}`);
    return found;
  };
  const table = async (from: RedisServer): Promise<string[][]> =>
    String(await (await admin(from)).send("CLUSTER", "NODES")).trim().split("\n").map((line) => line.split(" "));
  const running = (): RedisServer => nodes.find(({ pid }) => pid !== undefined) ?? byPort(0);
  const owned = stack.move();
  return {
    nodes,
    cli,
    admin,
    url: `redis+cluster://${addresses.join(",")}`,
    async owner(key) {
      const some = await admin(running());
      const slot = Number(await some.send("CLUSTER", "KEYSLOT", key));
      for (const [id = "", address = "", flags = "", , , , , , ...ranges] of await table(running())) {
        const has = ranges.some((range) => {
          const [from, to = from] = range.split("-").map(Number);
          return slot >= Number(from) && slot <= Number(to);
        });
        if (has && !flags.includes("fail")) return { node: byPort(portOf(address)), id, slot };
      }
      throw new Error(`nobody has slot ${slot}`);
    },
    async replicaOf(node) {
      const rows = await table(node);
      const id = rows.find(([, , flags]) => flags?.includes("myself"))?.[0];
      const row = rows.find(([, , , master]) => master === id);
      return byPort(portOf(row?.[1] ?? ""));
    },
    async [Symbol.asyncDispose]() {
      for (const open of controls.values()) (await open).close();
      await owned.disposeAsync();
    },
  };
}

/** The bus listens 10,000 ports above, so the port must be a low one. */
async function startNode(): Promise<RedisServer> {
  for (let tries = 1; ; tries += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const args = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-config-file", "nodes.conf"];
    try {
      return await RedisServer.start({ port, args: [...args, "--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"] });
    } catch (error) {
      if (tries > 10) throw error;
    }
  }
}

function portOf(address: string): number {
  return Number(/:(\d+)@/.exec(address)?.[1]);
}
