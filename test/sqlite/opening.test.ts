import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { StoreUnreachableError } from "../../src/core/errors.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "../../src/store/sqlite/migrations.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { Child, message, openStore, temporaryDirectory } from "./helpers.ts";

const open = (path: string, connectTimeout = 5000) =>
  openSqliteStore({ path, synchronous: "full", clock: systemClock, connectTimeout });

/** What a process that is not root's is told. Root may write everything. */
async function openAsUser(t: TestContext, path: string): Promise<string> {
  const child = new Child(t, "open", [path], process.getuid?.() === 0 ? 65534 : undefined);
  const line = await child.line();
  await child.exited;
  return line;
}

/** Makes a database, and gives it and its directory to the user of `openAsUser`. */
async function ownedDatabase(t: TestContext): Promise<{ directory: string; path: string }> {
  const directory = join(temporaryDirectory(t), "owned");
  const path = join(directory, "baton.db");
  const store = await openStore(t, path);
  await store.send("q", [message(1)]);
  await store.close();
  if (process.getuid?.() === 0) for (const file of [directory, path]) chownSync(file, 65534, 65534);
  return { directory, path };
}

test("missing directories are made, and what was sent is there after reopening", async (t) => {
  const path = join(temporaryDirectory(t), "a", "b", "baton.db");
  const first = await openStore(t, path);
  await first.send("q", [message("kept")]);
  await first.close();
  const again = await openStore(t, path);
  assert.deepEqual(await again.counts("q"), { ready: 1, delayed: 0, active: 0, dead: 0 });
});

test("closing leaves neither a log nor its index beside the file", async (t) => {
  const { path } = await ownedDatabase(t);
  assert.equal(existsSync(`${path}-wal`), false);
  assert.equal(existsSync(`${path}-shm`), false);
});

test("a read-only file is refused at once", async (t) => {
  const { path } = await ownedDatabase(t);
  chmodSync(path, 0o444);
  assert.match(await openAsUser(t, path), /^StoreError BATON_STORE_READ_ONLY .*baton\.db.*chmod/);
});

test("a file in a read-only directory is refused at once", async (t) => {
  const { directory, path } = await ownedDatabase(t);
  chmodSync(directory, 0o555);
  assert.match(await openAsUser(t, path), /^StoreError BATON_STORE_READ_ONLY /);
});

test("a file that may not be read is denied", async (t) => {
  const { path } = await ownedDatabase(t);
  chmodSync(path, 0);
  assert.match(await openAsUser(t, path), /^StoreError BATON_STORE_DENIED /);
});

test("a directory that may not be made is denied", async (t) => {
  const { directory } = await ownedDatabase(t);
  chmodSync(directory, 0o555);
  assert.match(await openAsUser(t, join(directory, "new", "baton.db")), /^StoreError BATON_STORE_DENIED /);
});

test("a directory as path is unreachable, and the error names it", async (t) => {
  const directory = temporaryDirectory(t);
  await assert.rejects(open(directory), (error: Error) => {
    assert.ok(error instanceof StoreUnreachableError);
    assert.match(error.message, /is a directory/);
    assert.ok(error.message.includes(directory));
    return true;
  });
});

test("a file under a file is unreachable", async (t) => {
  const file = join(temporaryDirectory(t), "file");
  writeFileSync(file, "");
  await assert.rejects(open(join(file, "baton.db")), { code: "BATON_STORE_UNREACHABLE" });
});

test("a file that is no database is refused and left as it was", async (t) => {
  const path = join(temporaryDirectory(t), "notes.txt");
  const text = "not a database\n".repeat(100);
  writeFileSync(path, text);
  await assert.rejects(open(path), { code: "BATON_STORE_CORRUPT" });
  assert.equal(readFileSync(path, "utf8"), text);
});

test("a database of another program is refused and left as it was", async (t) => {
  const path = join(temporaryDirectory(t), "other.db");
  const other = new DatabaseSync(path);
  other.exec("CREATE TABLE users (name TEXT)");
  other.close();
  const before = readFileSync(path);
  await assert.rejects(open(path), { code: "BATON_STORE_CORRUPT", message: /another program/ });
  assert.ok(before.equals(readFileSync(path)));
});

test("a file of a newer schema is refused with what to do", async (t) => {
  const { path } = await ownedDatabase(t);
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  db.close();
  await assert.rejects(open(path), { code: "BATON_STORE_UNSUPPORTED", message: /Update batonmq/ });
});

test("the file carries Baton's application id and schema version", async (t) => {
  const { path } = await ownedDatabase(t);
  const db = new DatabaseSync(path);
  assert.equal(db.prepare("PRAGMA application_id").get()?.["application_id"], APPLICATION_ID);
  assert.equal(db.prepare("PRAGMA user_version").get()?.["user_version"], SCHEMA_VERSION);
  db.close();
});

test("an empty file becomes a database", async (t) => {
  const path = join(temporaryDirectory(t), "empty.db");
  writeFileSync(path, "");
  const store = await openStore(t, path);
  assert.equal((await store.send("q", [message(1)])).length, 1);
});

test("a file locked by another program is unreachable after the connect timeout", async (t) => {
  const { path } = await ownedDatabase(t);
  const other = new DatabaseSync(path);
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  await assert.rejects(open(path, 50), { name: "StoreUnreachableError", message: /locked by another program for 50 ms/ });
  other.close();
});

test("a locked file delays a send, and is never surfaced", async (t) => {
  const { path } = await ownedDatabase(t);
  const store = await openStore(t, path);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  let sent = false;
  const sending = store.send("q", [message(2)]).then(() => (sent = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sent, false);
  other.exec("COMMIT");
  other.close();
  await sending;
  assert.equal((await store.counts("q")).ready, 2);
});

test("a database in memory is gone with its store", async (t) => {
  mkdirSync(temporaryDirectory(t), { recursive: true });
  const first = await openStore(t, ":memory:");
  await first.send("q", [message(1)]);
  const second = await openStore(t, ":memory:");
  assert.deepEqual(await second.queues(), []);
});
