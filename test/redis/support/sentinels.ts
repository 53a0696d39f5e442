import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { RedisServer } from "../../support/redis-server.ts";
import { tempDirectory } from "../../support/temp.ts";
import { until } from "../../support/until.ts";
import { control } from "./control.ts";

export interface Sentinels extends AsyncDisposable {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** A store URL that names the sentinels. */
  readonly url: string;
}

/** A master, a replica, and three sentinels that promote the replica soon after the master is gone. */
export async function startSentinels(): Promise<Sentinels> {
  await using stack = new AsyncDisposableStack();
  const files = stack.adopt(tempDirectory(), (directory) => directory.remove());
  const master = stack.use(await RedisServer.start({ args: ["--repl-diskless-sync-delay", "0"] }));
  const replica = stack.use(await RedisServer.start({ args: ["--replicaof", "127.0.0.1", String(master.port)] }));
  await using direct = await control(replica.port);
  await until(async () => /master_link_status:up/.test(String(await direct.send("INFO", "replication"))), "the replica follows");
  const ports: number[] = [];
  for (const n of [1, 2, 3]) {
    const port = await freePort();
    ports.push(port);
    const file = files.file(`sentinel-${n}.conf`);
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${files.path}`,
      `sentinel monitor main 127.0.0.1 ${master.port} 2`,
      "sentinel down-after-milliseconds main 500",
      "sentinel failover-timeout main 2000",
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    stack.adopt(await startSentinel(file), end);
  }
  for (const port of ports) {
    await using admin = await control(port);
    await until(async () => /slaves=1,sentinels=3/.test(String(await admin.send("INFO", "sentinel"))), "the sentinels know all");
  }
  const owned = stack.move();
  return {
    master,
    replica,
    url: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(",")}/main`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startSentinel(file: string): Promise<ChildProcess> {
  const child = spawn("redis-server", [file, "--sentinel"], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill("SIGKILL"));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (text.includes("+monitor")) resolve();
  });
  child.once("error", reject);
  child.once("exit", () => reject(new Error("A sentinel ended at once.")));
  await promise;
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "close");
  child.kill("SIGKILL");
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
