import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Child, drain, message, openStore, receive, temporaryDirectory, timelessClock } from "./helpers.ts";

test("eight processes writing one file lose nothing, duplicate nothing and never see it busy", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const children = Array.from({ length: 8 }, () => new Child(t, "work", [path]));
  for (const child of children) assert.equal(await child.line(), "ready");
  // All at once, on a file that is not there yet.
  for (const child of children) child.tell("go");
  for (const child of children) assert.equal(await child.line(), "sent");
  for (const child of children) child.tell("stop");
  const acked = (await Promise.all(children.map((child) => child.line()))).flatMap((line) => JSON.parse(line) as string[]);
  for (const child of children) assert.equal(await child.exited, 0);

  const store = await openStore(t, path);
  acked.push(...(await drain(store, "q")).map(({ body }) => body.data));
  assert.equal(acked.length, 8 * 200);
  assert.equal(new Set(acked).size, 8 * 200);
  assert.deepEqual(await store.counts("q"), { ready: 0, delayed: 0, active: 0, dead: 0 });
});

test("kill -9 in the middle of a transaction leaves nothing half done", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  let reported = 0;
  for (let kill = 0; kill < 4; kill += 1) {
    const child = new Child(t, "churn", [path]);
    // It is always in a transaction, or on its way to the next.
    for (let round = 0; round < 5; round += 1) await child.line();
    reported += 5;
    await child.kill();

    const store = await openStore(t, path);
    const counts = await store.counts("q");
    const total = counts.ready + counts.active;
    assert.equal(total % 1000, 0, `${total} messages: a batch was stored in part`);
    assert.equal(counts.active % 1000, 0, `${counts.active} active: a batch was received in part`);
    assert.ok(total >= reported * 1000, `${total} messages, though ${reported} sends returned`);
    await store.close();

    const db = new DatabaseSync(path);
    assert.equal(db.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
    const counted = db.prepare("SELECT count(*) FILTER (WHERE state = 0) AS ready, count(*) FILTER (WHERE state = 2) AS active FROM messages").get();
    assert.deepEqual({ ...counted }, { ready: counts.ready, active: counts.active });
    db.close();
  }
});

test("a send in one process ends a wait in another, without its poll", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const store = await openStore(t, path);
  const child = new Child(t, "wait", [path]);
  for (let i = 0; i < 3; i += 1) {
    assert.equal(await child.line(), "waiting");
    await store.send("q", [message(i)]);
    assert.equal(await child.line(), "woken");
    await drain(store, "q");
    child.tell("again");
  }
});

test("a send by one path of a file ends a wait by another path of it", async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, "baton.db");
  const link = join(directory, "elsewhere.db");
  const store = await openStore(t, path);
  symlinkSync(path, link);
  const child = new Child(t, "wait", [link]);
  assert.equal(await child.line(), "waiting");
  await store.send("q", [message(1)]);
  assert.equal(await child.line(), "woken");
});

test("a release in one process ends a wait in another", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const store = await openStore(t, path);
  await store.send("q", [message(1)]);
  const { token, received } = await receive(store, "q", 1);
  const child = new Child(t, "wait", [path]);
  assert.equal(await child.line(), "waiting");
  const settle = received.map(({ id }) => ({ id, token, kind: "release" as const, delay: 0 }));
  await store.exchange("q", { settle, crashLimit: 3 });
  assert.equal(await child.line(), "woken");
});

test("a message of another queue ends no wait of another process", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const [sender, waiter] = [await openStore(t, path), await openStore(t, path, timelessClock)];
  let woken = false;
  const waited = waiter.wait("q", 60_000, new AbortController().signal).then(() => (woken = true));
  await waiter.counts("q");
  // "p" first: by the time the wait of "q" has ended, the touch for "p" was looked into.
  await sender.send("p", [message(1)]);
  await waiter.counts("q");
  assert.equal(woken, false);
  await sender.send("q", [message(1)]);
  await waited;
});

test("workers that look in vain and wait write nothing", async (t) => {
  const path = join(temporaryDirectory(t), "baton.db");
  const store = await openStore(t, path);
  await receive(store, "q", 1);
  const before = await store.statistics();
  const stop = new AbortController();
  for (let i = 0; i < 10; i += 1) {
    await receive(store, "q", 1);
    const waited = store.wait("q", 60_000, stop.signal);
    waited.catch(() => {});
  }
  const after = await store.statistics();
  assert.equal(after.commits, before.commits);
  stop.abort();
});
