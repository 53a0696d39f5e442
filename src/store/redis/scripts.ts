import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A Lua script: its source for `EVAL`, its hash for `EVALSHA`. */
export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
}

export type ScriptName = "send" | "exchange" | "extend" | "get" | "list" | "counts" | "peek";

function load(name: string): Script {
  const source = readFileSync(join(import.meta.dirname, "scripts", `${name}.lua`), "utf8");
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}

/** One script a verb. Each says at its head what KEYS and ARGV are and what it replies. */
export const scripts: Readonly<Record<ScriptName, Script>> = {
  send: load("send"),
  exchange: load("exchange"),
  extend: load("extend"),
  get: load("get"),
  list: load("list"),
  counts: load("counts"),
  peek: load("peek"),
};
