import assert from "node:assert/strict";
import type { Codec } from "../../src/core/codec.ts";
import { isId, sentAtOf } from "../../src/core/ids.ts";
import { assertBetween, idsOf, LONG } from "./bench.ts";
import type { Claim } from "./claim.ts";

const MIB = 1024 * 1024;

/** Texts that have broken stores: separators, ends of strings, what looks like a header, what takes several bytes. */
export const TEXTS: Readonly<Record<string, string>> = {
  empty: "",
  "a digit": "0",
  "white space only": " \t ",
  "beginning with a line feed": "\nsecond line",
  "line feeds only": "\n\n\n",
  "with CR LF": "a\r\nb\r\n",
  "with a NUL inside": "before\u0000after",
  "a NUL only": "\u0000",
  "beginning with {": '{"p":5,"f":9,"c":9}\n{"a":1}',
  "an unfinished {": '{"p":',
  "beginning with [": "[1,2]",
  "with separators": "a:b|c;d,e\u001f/\\",
  "with quotes": `"'\`\\"\\n`,
  "of several scripts": "Grüße, Ζεύς, Привет, 世界, שלום, नमस्ते",
  "with astral characters": "𝄞 👩‍👩‍👧‍👦 𠜎",
  "with a byte order mark": "\uFEFFtext",
  "with noncharacters and line separators": "\uFFFF\uFFFE\u2028\u2029\u0085",
  "with percent and dollar signs": "%s %d $1 $& %%",
  "2,000 characters": "x".repeat(2000),
  "2,001 characters": "x".repeat(2001),
  "1 MiB": "0123456789abcdef".repeat(MIB / 16),
  "1 MiB of astral characters": "𝄞".repeat(MIB / 4),
};

const CODECS: readonly Codec[] = ["json", "base64", "raw"];
/** Milliseconds. */
const SHORT_DELAY = 5;
const HUNDRED_YEARS = 100 * 365.25 * 24 * 3_600_000;

export function sendCases(claim: Claim): void {
  claim("a message sent without a delay is ready", async (bench) => {
    const id = await bench.send({ data: '{"to":"ada"}' });
    assert.deepEqual(await bench.get(id), {
      id,
      state: "ready",
      body: { codec: "json", data: '{"to":"ada"}' },
      priority: 0,
      failures: 0,
      crashes: 0,
    });
  });

  claim("a message sent with a delay is delayed until now + delay", async (bench) => {
    const before = await bench.now();
    const id = await bench.send({ data: "1", delay: LONG, priority: 7 });
    const after = await bench.now();
    const { dueAt, ...rest } = await bench.look(id);
    assert.deepEqual(rest, {
      id,
      state: "delayed",
      body: { codec: "json", data: "1" },
      priority: 7,
      failures: 0,
      crashes: 0,
    });
    assertBetween(dueAt, before + LONG, after + LONG);
  });

  claim("a delay of one millisecond delays", async (bench) => {
    const id = await bench.send({ delay: 1 });
    assert.equal((await bench.look(id)).state, "delayed");
  });

  claim("a delay of a hundred years is kept to the millisecond", async (bench) => {
    const before = await bench.now();
    const id = await bench.send({ delay: HUNDRED_YEARS });
    assertBetween((await bench.look(id)).dueAt, before + HUNDRED_YEARS, (await bench.now()) + HUNDRED_YEARS);
  });

  claim("one call stores ready and delayed messages of several priorities, each as asked", async (bench) => {
    const drafts = [
      { data: "0", delay: 0, priority: 0 },
      { data: "1", delay: LONG, priority: 0 },
      { data: "2", delay: 0, priority: 9 },
      { data: "3", delay: 2 * LONG, priority: 9 },
      { data: "4", delay: 0, priority: 0 },
    ];
    const ids = await bench.sendAll(drafts);
    const found = await bench.store.get(bench.queue, ids);
    assert.deepEqual(
      found.map((message) => [message?.body.data, message?.state, message?.priority]),
      [
        ["0", "ready", 0],
        ["1", "delayed", 0],
        ["2", "ready", 9],
        ["3", "delayed", 9],
        ["4", "ready", 0],
      ],
    );
  });

  claim("ids have the form of ids, are returned in the order given, and ascend within a call", async (bench) => {
    const ids = await bench.sendMany(100);
    assert(ids.every(isId), `not ids: ${ids.filter((id) => !isId(id)).join(" ")}`);
    assert.deepEqual(ids.toSorted(), ids);
    assert.equal(new Set(ids).size, 100);
    const found = await bench.store.get(bench.queue, ids);
    assert.deepEqual(found.map((message) => message?.body.data), ids.map((_, i) => String(i)));
  });

  claim("ids ascend over calls", async (bench) => {
    const ids: string[] = [];
    for (const count of [1, 50, 1, 3, 1000, 1]) ids.push(...(await bench.sendMany(count)));
    assert.deepEqual(ids.toSorted(), ids);
    assert.equal(new Set(ids).size, ids.length);
  });

  claim("ids ascend also after all messages are gone", async (bench) => {
    const first = await bench.sendMany(500);
    const held = await bench.take({ max: 500 });
    await bench.exchange({ settle: held.map(({ id, token }) => ({ kind: "ack", id, token })) });
    const second = await bench.send();
    assert(first.every((id) => id < second));
  });

  claim(
    "ids ascend over calls of several handles",
    async (bench) => {
      const stores = [bench.store, await bench.other()];
      const ids: string[] = [];
      for (let i = 0; i < 40; i += 1) ids.push(...(await bench.sendMany(1 + (i % 3), {}, { store: stores[i % 2] ?? bench.store })));
      assert.deepEqual(ids.toSorted(), ids);
      assert.equal(new Set(ids).size, ids.length);
    },
    "another",
  );

  claim("an id tells when its message was sent", async (bench) => {
    const before = await bench.now();
    const sentAt = sentAtOf(await bench.send());
    // Sequences run ahead of a clock that stands still, a microsecond for each message.
    assertBetween(sentAt, before, (await bench.now()) + 1000);
  });

  claim("a batch of 1,000 messages is stored whole and in order", async (bench) => {
    const ids = await bench.sendMany(1000);
    assert.equal(ids.length, 1000);
    assert.deepEqual(idsOf(await bench.list("ready")), ids);
    assert.deepEqual(await bench.store.counts(bench.queue), { ready: 1000, delayed: 0, active: 0, dead: 0 });
  });

  claim("a batch of 1,000 messages with delays and priorities is stored whole", async (bench) => {
    const drafts = Array.from({ length: 1000 }, (_, i) => ({
      data: String(i),
      delay: i % 2 === 0 ? LONG + i : 0,
      priority: i,
    }));
    const ids = await bench.sendAll(drafts);
    const found = await bench.store.get(bench.queue, ids);
    assert.deepEqual(
      found.map((message) => [message?.body.data, message?.state, message?.priority]),
      drafts.map(({ data, delay, priority }) => [data, delay > 0 ? "delayed" : "ready", priority]),
    );
  });

  claim("sends made at once on one handle are all stored, and each call's ids are in order", async (bench) => {
    const calls = await Promise.all(Array.from({ length: 50 }, (_, i) => bench.sendMany(1 + (i % 5), { data: String(i) })));
    for (const ids of calls) assert.deepEqual(ids.toSorted(), ids);
    const all = calls.flat();
    assert.equal(new Set(all).size, all.length);
    assert.deepEqual(idsOf(await bench.list("ready")), all.toSorted());
  });

  claim("the largest priority is kept to the unit", async (bench) => {
    const ids = await bench.sendAll([999_999, 1_000_000, 1, 0, 999_998].map((priority) => ({ priority })));
    const held = await bench.take({ max: 5 });
    assert.deepEqual(held.map(({ priority }) => priority), [1_000_000, 999_999, 999_998, 1, 0]);
    assert.deepEqual(idsOf(held), [ids[1], ids[0], ids[4], ids[2], ids[3]]);
  });

  claim("a message belongs to its queue only", async (bench) => {
    const id = await bench.send();
    const elsewhere = `${bench.queue}-b`;
    assert.deepEqual(await bench.store.get(elsewhere, [id]), [undefined]);
    assert.deepEqual(await bench.store.counts(elsewhere), { ready: 0, delayed: 0, active: 0, dead: 0 });
    const reply = await bench.store.exchange(elsewhere, { settle: [], receive: bench.asking(10), crashLimit: 3 });
    assert.deepEqual(reply, { settled: [], received: [], more: false, nextDue: undefined });
    assert.equal((await bench.look(id)).state, "ready");
  });

  claim("queues with names of all allowed characters are kept apart", async (bench) => {
    const names = ["a", "A", "a:1", "a:2", "a.b", "a/b", "a@b", "a-b", "a_b", "1", "größe", "グループ"].map((name) => `${name}${bench.queue}`);
    for (const name of names) await bench.store.send(name, [{ body: { codec: "json", data: name }, delay: 0, priority: 0 }]);
    for (const name of names) {
      const { messages } = await bench.store.list(name, { state: "ready", limit: 10 });
      assert.deepEqual(messages.map(({ body }) => body.data), [name]);
    }
  });

  for (const [label, text] of Object.entries(TEXTS)) {
    claim(`a body comes back as it was sent, in every codec: ${label}`, async (bench) => {
      const ids = await bench.sendAll(CODECS.map((codec) => ({ codec, data: text })));
      const expected = CODECS.map((codec) => ({ codec, data: text }));
      const found = await bench.store.get(bench.queue, ids);
      assert.deepEqual(found.map((message) => message?.body), expected);
      assert.deepEqual((await bench.list("ready")).map(({ body }) => body), expected);
      const first = await bench.take({ max: 3 });
      assert.deepEqual(first.map(({ body }) => body), expected);
      // What is written anew on the way must not change it either.
      for (const held of first) assert(await bench.retry(held));
      assert.deepEqual((await bench.take({ max: 3 })).map(({ body }) => body), expected);
    });

    claim(`a delayed body with a priority comes back as it was sent: ${label}`, async (bench) => {
      await bench.sendAll(CODECS.map((codec) => ({ codec, data: text, delay: SHORT_DELAY, priority: 3 })));
      await bench.pass(SHORT_DELAY + 1);
      const held = await bench.take({ max: 3 });
      assert.deepEqual(held.map(({ body }) => body), CODECS.map((codec) => ({ codec, data: text })));
      assert(held.every(({ priority }) => priority === 3));
    });
  }
}
