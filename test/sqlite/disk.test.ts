import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { StoreFullError } from "../../src/core/errors.ts";
import type { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { afterTest, drain, message, openStore, receive, temporaryDirectory, until } from "./helpers.ts";

/** Sends until there is no room; returns how many messages were stored. */
async function fill(store: SqliteStore, queue: string): Promise<number> {
  for (let sent = 0; ; sent += 50) {
    try {
      await store.send(queue, Array.from({ length: 50 }, (_, i) => message(`${i} ${"x".repeat(500)}`)));
    } catch (error) {
      assert.ok(error instanceof StoreFullError, String(error));
      return sent;
    }
  }
}

/** A disk of a few megabytes, where this process may mount one. */
function smallDisk(t: TestContext): string | undefined {
  const directory = join(temporaryDirectory(t), "disk");
  mkdirSync(directory);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", directory]);
  if (mounted.status !== 0) return undefined;
  afterTest(t, () => spawnSync("umount", [directory]));
  return directory;
}

test("when the database may not grow, a send is refused and stores nothing, and acks make room again", async (t) => {
  const store = await openStore(t, join(temporaryDirectory(t), "baton.db"));
  await store.send("q", Array.from({ length: 100 }, (_, i) => message(i)));
  const { token, received } = await receive(store, "q", 100);
  await store.pragma("max_page_count = 200");
  const sent = await fill(store, "q");
  assert.deepEqual(await store.counts("q"), { ready: sent, delayed: 0, active: 100, dead: 0 });
  const settle = received.map(({ id }) => ({ id, token, kind: "ack" as const }));
  const { settled } = await store.exchange("q", { settle, crashLimit: 3 });
  assert.deepEqual(settled, settle.map(() => true));
  assert.equal((await store.send("q", [message("again")])).length, 1);
});

test("on a full disk a send is refused, the queue drains, and then there is room again", async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return t.skip("only root can mount a small disk; max_page_count stands in for it");
  const store = await openStore(t, join(disk, "baton.db"));
  const sent = await fill(store, "q");
  assert.ok(sent > 0);
  assert.equal((await drain(store, "q")).length, sent);
  assert.ok((await fill(store, "q")) > sent / 2);
});

test("a queue drains when others have filled the disk to the last byte", async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return t.skip("only root can mount a small disk");
  const store = await openStore(t, join(disk, "baton.db"));
  await store.send("q", Array.from({ length: 1000 }, (_, i) => message(i)));
  assert.throws(() => writeFileSync(join(disk, "log"), Buffer.alloc(8 * 1024 * 1024)), { code: "ENOSPC" });
  await fill(store, "q");
  const { received, token } = await receive(store, "q", 10);
  const leases = received.map(({ id }) => ({ id, token }));
  assert.deepEqual(await store.extend("q", leases, 1000), leases.map(() => true));
  await store.exchange("q", { settle: leases.map((lease) => ({ ...lease, kind: "release", delay: 0 })), crashLimit: 3 });
  assert.ok((await drain(store, "q")).length >= 1000);
});

test("a file gives its space back after a drain", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const store = await openStore(t, path);
  const body = "x".repeat(20_000);
  for (let i = 0; i < 8; i += 1) await store.send("q", Array.from({ length: 100 }, () => message(body)));
  await store.pragma("wal_checkpoint(TRUNCATE)");
  assert.ok(statSync(path).size > 15_000_000);
  await drain(store, "q");
  await until(async () => (await store.counts("q")).ready === 0 && statSync(path).size < 6_000_000);
});

test("long bodies come back whole, and go with their message", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const store = await openStore(t, path);
  const bodies = ["", "x".repeat(2000), "é".repeat(2000), "x".repeat(1_000_000), "\u{1f600}".repeat(3000)];
  const ids = await store.send("q", bodies.map((body) => message(body)));
  const looked = await store.get("q", ids);
  assert.deepEqual(looked.map((found) => JSON.parse(found?.body.data ?? "null")), bodies);
  assert.deepEqual((await drain(store, "q")).map(({ body }) => JSON.parse(body.data)), bodies);
  await store.close();
  const db = new DatabaseSync(path);
  assert.equal(db.prepare("SELECT count(*) AS n FROM bodies").get()?.["n"], 0);
  db.close();
});

test("a damaged row stops neither the others nor itself", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const store = await openStore(t, path);
  const ids = await store.send("q", ["a", "b", "c", "d", "e"].map((body) => message(body)));
  const db = new DatabaseSync(path);
  const damage = (i: number, change: string): void =>
    void db.prepare(`UPDATE messages SET ${change} WHERE seq = ?`).run(Number.parseInt((ids[i] ?? "").slice(0, 13), 16));
  damage(0, "codec = 99");
  damage(1, "body = NULL, error = 'not json', reason = 500");
  damage(2, "tail = ''");
  damage(3, "body = CAST(x'ff00fe' AS TEXT)");
  assert.throws(() => damage(4, "failures = 'many'"), /cannot store TEXT/);
  assert.throws(() => damage(4, "place = 9223372036854775807"), /CHECK/);
  db.close();

  const { messages } = await store.list("q", { state: "ready", limit: 10 });
  assert.equal(messages.length, 5);
  assert.equal(messages[0]?.body.codec, "99");
  assert.deepEqual(messages[1]?.error, { name: "Error", message: "not json" });
  assert.equal((await drain(store, "q")).length, 5);
});

test("inspecting names engine, place, durability and what will hurt", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const info = await (await openStore(t, path)).inspect();
  assert.equal(info.engine, "sqlite");
  assert.match(info.version, /^SQLite 3\.\d+\.\d+ \(Node \d+/);
  assert.equal(info.location, path);
  assert.match(info.durability, /on disk before send returns/);
  assert.match((await (await openStore(t, ":memory:")).inspect()).durability, /end with it/);
});
