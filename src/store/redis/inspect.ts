import { ErrorReply } from "@redis/client";
import { StoreError } from "../../core/errors.ts";
import type { StoreInfo } from "../store.ts";
import type { Line } from "./connection.ts";
import type { RedisTarget } from "./url.ts";

const OLDEST_MAJOR = 7;

/**
 * Asks the server what it is and how it is set up.
 *
 * @throws StoreError `BATON_STORE_UNSUPPORTED` if it is older than Redis 7.0 or Valkey 7.2.
 */
export async function inspectServer(line: Line, target: RedisTarget): Promise<StoreInfo> {
  const info = await readInfo(line);
  const valkey = info.get("valkey_version");
  const number = valkey ?? info.get("redis_version");
  const version = number === undefined ? "an unknown version" : `${valkey === undefined ? "Redis" : "Valkey"} ${number}`;
  if (number !== undefined && Number.parseInt(number, 10) < OLDEST_MAJOR) {
    throw new StoreError(
      "BATON_STORE_UNSUPPORTED",
      `${target.display} is ${version}. Baton needs Redis 7.0 or Valkey 7.2, or newer: upgrade the server.`,
    );
  }
  return { engine: "redis", version, location: target.display, durability: durability(info), warnings: warnings(info) };
}

async function readInfo(line: Line): Promise<ReadonlyMap<string, string>> {
  let text = "";
  try {
    text = String(await line.send(["INFO"], "repeatable", ""));
  } catch (error) {
    // INFO is in ACL's @dangerous; without it nothing can be said, but everything works.
    if (!(error instanceof ErrorReply)) throw error;
  }
  return new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

function durability(info: ReadonlyMap<string, string>): string {
  const replicas = Number(info.get("connected_slaves") ?? 0);
  const copies = replicas > 0 ? ` ${replicas} replica(s) follow asynchronously: a failover can lose the last writes.` : "";
  if (info.size === 0) return "Unknown: this user may not run INFO.";
  return info.get("aof_enabled") === "1"
    ? `Append-only file: a crash of the server loses nothing with appendfsync always, about the last second with everysec.${copies}`
    : `No append-only file: a crash of the server loses what came since the last snapshot, if there is one.${copies}`;
}

function warnings(info: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  if (info.size === 0) return found;
  if (info.get("aof_enabled") === "0") {
    found.push("The append-only file is off: messages do not survive a crash of the server. Set `appendonly yes`.");
  }
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (policy.startsWith("allkeys") && info.get("maxmemory") !== "0") {
    found.push(`maxmemory-policy is ${policy}: when memory is full the server deletes whole queues. Set \`maxmemory-policy noeviction\`.`);
  }
  if (info.get("maxmemory") === "0") {
    found.push("maxmemory is not set: a growing queue ends when the machine's memory does. Set `maxmemory` below what the machine has.");
  }
  if (info.get("role") === "slave") found.push("This server is a replica and takes no writes. Connect to its master.");
  return found;
}
