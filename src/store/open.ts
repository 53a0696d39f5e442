import type { Clock } from "../core/clock.ts";
import { UsageError } from "../core/errors.ts";
import { describe } from "../core/options.ts";
import type { Store } from "./store.ts";

export interface OpenOptions {
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly prefix: string | undefined;
  readonly synchronous: "full" | "normal" | undefined;
  readonly clock: Clock;
}

const REDIS_SCHEME = /^(redis|valkey)s?(\+(sentinel|cluster))?:\/\//;
const PREFIX = /^[^{}\s]{1,100}$/;

/**
 * Opens the engine a store URL names. Engines are loaded when they are first used.
 *
 * @throws UsageError `BATON_STORE_URL_INVALID`, or `BATON_OPTION_INVALID` for an option of another engine.
 */
export async function openStore(url: string, options: OpenOptions): Promise<Store> {
  const { connectTimeout, clock, prefix, synchronous } = options;
  if (typeof url === "string" && REDIS_SCHEME.test(url)) {
    if (synchronous !== undefined) throw notHere("synchronous", "SQLite");
    if (prefix !== undefined && !PREFIX.test(prefix)) {
      throw new UsageError("BATON_OPTION_INVALID", `connect's prefix is ${describe(prefix)}; give 1 to 100 characters without braces and white space.`);
    }
    const { openRedisStore } = await import("./redis/redis-store.ts");
    return openRedisStore({ url, prefix: prefix ?? "baton", clock, connectTimeout });
  }
  const path = sqlitePath(url);
  if (prefix !== undefined) throw notHere("prefix", "Redis");
  if (synchronous !== undefined && synchronous !== "full" && synchronous !== "normal") {
    throw new UsageError("BATON_OPTION_INVALID", `connect's synchronous is ${describe(synchronous)}; give "full" or "normal".`);
  }
  const { openSqliteStore } = await import("./sqlite/sqlite-store.ts");
  return openSqliteStore({ path, synchronous: synchronous ?? "full", clock, connectTimeout });
}

function sqlitePath(url: unknown): string {
  if (url === "memory:") return ":memory:";
  if (typeof url === "string" && url.startsWith("sqlite:")) {
    const path = url.slice("sqlite:".length).replace(/^\/\/(?=\/)/, "");
    if (path !== "" && !path.startsWith("//") && !path.includes("\0")) return path;
  }
  throw new UsageError(
    "BATON_STORE_URL_INVALID",
    `The store URL ${describe(url)} is not one Baton knows. Use sqlite:path/to/file.db, memory:, redis://host:port, rediss://host:port, ` +
      "redis+sentinel://host1,host2/mastername or redis+cluster://host1,host2 (valkey works for redis).",
  );
}

function notHere(option: string, engine: string): UsageError {
  return new UsageError("BATON_OPTION_INVALID", `connect's ${option} is for ${engine} stores only; leave it out with this URL.`);
}
