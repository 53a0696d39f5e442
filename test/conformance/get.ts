import assert from "node:assert/strict";
import { isId } from "../../src/core/ids.ts";
import { ERROR, LONG } from "./bench.ts";
import type { Claim } from "./claim.ts";

export function getCases(claim: Claim): void {
  claim("messages are found in every state, in the order asked for", async (bench) => {
    const [dead, active, ready, delayed] = await bench.sendAll([{}, {}, {}, { delay: LONG }]);
    assert(dead && active && ready && delayed);
    await bench.bury(await bench.takeOne());
    await bench.takeOne();
    const asked = [delayed, ready, dead, active];
    const found = await bench.store.get(bench.queue, asked);
    assert.deepEqual(found.map((message) => message?.id), asked);
    assert.deepEqual(found.map((message) => message?.state), ["delayed", "ready", "dead", "active"]);
  });

  claim("a message shows what its state has and nothing of the states before", async (bench) => {
    const id = await bench.send({ priority: 1 });
    const keys = async (): Promise<string> => Object.keys(await bench.look(id)).toSorted().join(" ");
    const always = ["body", "crashes", "failures", "id", "priority", "state"];
    const having = (...more: string[]): string => [...always, ...more].toSorted().join(" ");
    assert.equal(await keys(), having());
    const first = await bench.takeOne();
    assert.equal(await keys(), having("leaseExpiresAt", "token"));
    await bench.release(first);
    assert.equal(await keys(), having());
    await bench.retry(await bench.takeOne(), 1);
    assert.equal(await keys(), having("dueAt", "error"));
    await bench.pass(2);
    const second = await bench.takeOne();
    assert.equal(await keys(), having("error", "leaseExpiresAt", "token"));
    await bench.bury(second);
    assert.equal(await keys(), having("diedAt", "error", "reason"));
  });

  claim("an unknown id is undefined, beside known ones", async (bench) => {
    const id = await bench.send();
    const unknown = "0000000000000zzzzz";
    assert(isId(unknown));
    const found = await bench.store.get(bench.queue, [unknown, id, unknown]);
    assert.deepEqual(found.map((message) => message?.id), [undefined, id, undefined]);
    assert.deepEqual(await bench.store.get(`${bench.queue}-unknown`, [id, unknown]), [undefined, undefined]);
  });

  claim("an id that was acked is undefined", async (bench) => {
    const id = await bench.send();
    await bench.ack(await bench.takeOne());
    assert.equal(await bench.get(id), undefined);
  });

  claim("what is no id is undefined", async (bench) => {
    const [id = ""] = await bench.sendMany(20);
    const wrong = ["", " ", "x", "0", "NaN", "-1", "1e3", "0x10", "null", "ffffffffffffffffff", "zzzzzzzzzzzzzzzzzz", "\u0000", "𝄞", "*", "%", "' OR 1=1 --", "a:b", "x".repeat(10_000)];
    const near = [id.slice(0, -1), `${id}0`, ` ${id}`, `${id}\n`, `${id}:`, id.slice(1), `0${id}`];
    const asked = [...wrong, ...near];
    assert.deepEqual(await bench.store.get(bench.queue, asked), asked.map(() => undefined));
    await bench.take({ max: 20 });
    assert.deepEqual(await bench.store.get(bench.queue, asked), asked.map(() => undefined));
  });

  claim("an id in capitals is no id", async (bench) => {
    // Of 32 sequences in a row many have a letter.
    const ids = await bench.sendMany(32);
    const capitals = ids.map((id) => id.slice(0, 13).toUpperCase() + id.slice(13)).filter((id) => !ids.includes(id));
    assert(capitals.length > 0);
    assert.deepEqual(await bench.store.get(bench.queue, capitals), capitals.map(() => undefined));
    const tails = ids.map((id) => id.slice(0, 13) + id.slice(13).toUpperCase()).filter((id) => !ids.includes(id));
    assert.deepEqual(await bench.store.get(bench.queue, tails), tails.map(() => undefined));
  });

  claim("an id with another tail is another message's", async (bench) => {
    const id = await bench.send();
    const tail = id.endsWith("00000") ? "11111" : "00000";
    assert.equal(await bench.get(`${id.slice(0, 13)}${tail}`), undefined);
  });

  claim("an id asked for twice is found twice", async (bench) => {
    const id = await bench.send();
    const [a, b] = await bench.store.get(bench.queue, [id, id]);
    assert.equal(a?.id, id);
    assert.deepEqual(a, b);
  });

  claim("asked for nothing it finds nothing", async (bench) => {
    assert.deepEqual(await bench.store.get(bench.queue, []), []);
    await bench.send();
    assert.deepEqual(await bench.store.get(bench.queue, []), []);
  });

  claim("1,000 messages are looked up at once, in any mixture of states", async (bench) => {
    const ids = await bench.sendMany(1000);
    const held = await bench.take({ max: 700 });
    await bench.exchange({
      settle: held.flatMap(({ id, token }, i) =>
        i % 5 === 0
          ? { kind: "release" as const, id, token, delay: 0 }
          : i % 5 === 1
            ? { kind: "retry" as const, id, token, delay: LONG, error: ERROR }
            : i % 5 === 2
              ? { kind: "dead" as const, id, token, reason: "rejected" as const }
              : i % 5 === 3
                ? { kind: "ack" as const, id, token }
                : [],
      ),
    });
    const states = ["ready", "delayed", "dead", undefined, "active"];
    const found = await bench.store.get(bench.queue, ids);
    assert.deepEqual(found.map((message) => message?.state), ids.map((_, i) => (i < 700 ? states[i % 5] : "ready")));
  });

  claim("looking up changes nothing", async (bench) => {
    const ids = await bench.sendAll([{}, {}, {}, { delay: LONG }]);
    await bench.bury(await bench.takeOne());
    await bench.takeOne();
    const before = await bench.everything();
    await bench.store.get(bench.queue, ids);
    assert.deepEqual(await bench.everything(), before);
  });

  claim("what is listed is what is looked up", async (bench) => {
    await bench.sendAll([{ priority: 4 }, { priority: 3 }, { priority: 2 }, { priority: 1 }, { delay: LONG, priority: 9 }, { delay: LONG }]);
    await bench.bury(await bench.takeOne());
    await bench.retry(await bench.takeOne(), LONG);
    await bench.takeOne();
    const { ready, delayed, active, dead } = await bench.everything();
    assert.deepEqual([ready.length, delayed.length, active.length, dead.length], [1, 3, 1, 1]);
    for (const message of [...ready, ...delayed, ...active, ...dead]) assert.deepEqual(await bench.get(message.id), message);
  });
}
