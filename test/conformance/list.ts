import assert from "node:assert/strict";
import type { State } from "../../src/core/state.ts";
import { STATES } from "../../src/core/state.ts";
import type { Page } from "../../src/store/store.ts";
import { compare, ERROR, idsOf, inOrder, LONG, SHORT } from "./bench.ts";
import type { Bench } from "./bench.ts";
import type { Claim } from "./claim.ts";

/** Fills a state with messages, many of them with the same place in its order. */
const FILL: Readonly<Record<State, (bench: Bench, count: number) => Promise<void>>> = {
  ready: async (bench, count) => {
    await bench.sendAll(Array.from({ length: count }, (_, i) => ({ priority: i % 3 })));
    // Some that were in line and some that came back.
    const held = await bench.take({ max: Math.floor(count / 2) });
    for (const lease of held.toReversed()) await bench.release(lease);
  },
  delayed: async (bench, count) => {
    await bench.sendAll(Array.from({ length: count }, (_, i) => ({ delay: LONG + (i % 2) * 60_000, priority: i % 3 })));
  },
  active: async (bench, count) => {
    await bench.sendMany(count, {});
    await bench.take({ max: Math.ceil(count / 3), lease: 2 * LONG });
    await bench.take({ max: Math.ceil(count / 3), lease: LONG });
    await bench.take({ max: count, lease: 3 * LONG });
  },
  dead: async (bench, count) => {
    await bench.sendMany(count);
    const held = await bench.take({ max: count });
    await bench.exchange({
      settle: held.map(({ id, token }) => ({ kind: "dead", id, token, reason: "rejected" })),
    });
  },
};

export function listCases(claim: Claim): void {
  claim("a queue never heard of lists nothing", async (bench) => {
    for (const state of STATES) {
      assert.deepEqual(await bench.store.list(bench.queue, { state, limit: 10 }), { messages: [], next: undefined });
    }
  });

  claim("a state shows its own messages only", async (bench) => {
    const [dead, active, ready, delayed] = await bench.sendAll([{}, {}, {}, { delay: LONG }]);
    await bench.bury(await bench.takeOne());
    await bench.takeOne();
    const found = await bench.everything();
    assert.deepEqual(
      STATES.map((state) => idsOf(found[state])),
      [[ready], [delayed], [active], [dead]],
    );
    for (const state of STATES) assert(found[state].every((message) => message.state === state));
  });

  claim("ready messages are listed in the order they will be received", async (bench) => {
    await bench.sendAll(Array.from({ length: 30 }, (_, i) => ({ priority: (i * 7) % 4 })));
    const held = await bench.take({ max: 15 });
    for (const [i, lease] of held.entries()) await (i % 2 === 0 ? bench.release(lease) : bench.retry(lease));
    const listed = await bench.list("ready");
    assert.deepEqual(idsOf(listed), inOrder(listed));
    assert.deepEqual(idsOf(await bench.take({ max: 30 })), idsOf(listed));
  });

  claim("delayed messages are listed by when they are due, then by id", async (bench) => {
    const delays = [3, 1, 2, 1, 3, 2, 1].map((n) => ({ delay: n * LONG, priority: n }));
    const ids = await bench.sendAll(delays);
    const at = (...places: number[]): (string | undefined)[] => places.map((place) => ids[place]);
    assert.deepEqual(idsOf(await bench.list("delayed")), at(1, 3, 6, 2, 5, 0, 4));
  });

  claim("a message delayed later but due sooner is listed first", async (bench) => {
    await bench.send();
    const late = await bench.send({ delay: 2 * LONG });
    const held = await bench.takeOne();
    await bench.retry(held, LONG);
    const soon = await bench.send({ delay: LONG / 2 });
    assert.deepEqual(idsOf(await bench.list("delayed")), [soon, held.id, late]);
  });

  claim("active messages are listed by when their lease runs out, then by id", async (bench) => {
    await bench.sendMany(6);
    const a = await bench.take({ max: 2, lease: 2 * LONG });
    const b = await bench.take({ max: 2, lease: LONG });
    const c = await bench.take({ max: 2, lease: 3 * LONG });
    assert.deepEqual(idsOf(await bench.list("active")), idsOf([...b, ...a, ...c]));
    await bench.store.extend(bench.queue, b.map(({ id, token }) => ({ id, token })), 4 * LONG);
    assert.deepEqual(idsOf(await bench.list("active")), idsOf([...a, ...c, ...b]));
  });

  claim("dead messages are listed by when they died, then by id", async (bench) => {
    await bench.sendMany(4);
    const [a, b, c, d] = await bench.take({ max: 4 });
    assert(a && b && c && d);
    await bench.bury(c);
    await bench.pass(2);
    await bench.exchange({
      settle: [d, a].map(({ id, token }) => ({ kind: "dead", id, token, reason: "rejected" })),
    });
    await bench.pass(2);
    await bench.bury(b);
    assert.deepEqual(idsOf(await bench.list("dead")), idsOf([c, a, d, b]));
  });

  for (const state of STATES) {
    claim(`pages of any size show every ${state} message once, in the same order`, async (bench) => {
      await FILL[state](bench, 20);
      const whole = idsOf((await bench.store.list(bench.queue, { state, limit: 1000 })).messages);
      assert.equal(whole.length, 20);
      for (const limit of [1, 2, 3, 7, 19, 20, 21]) {
        const pages = await readPages(bench, state, limit);
        assert.deepEqual(pages.flatMap(({ messages }) => idsOf(messages)), whole);
        assert(pages.every(({ messages }) => messages.length <= limit));
      }
    });

    claim(`there is no next page after the last ${state} message`, async (bench) => {
      await FILL[state](bench, 6);
      assert.deepEqual((await readPages(bench, state, 3)).map(({ messages }) => messages.length), [3, 3]);
      assert.deepEqual((await readPages(bench, state, 4)).map(({ messages }) => messages.length), [4, 2]);
      assert.deepEqual((await readPages(bench, state, 6)).map(({ messages }) => messages.length), [6]);
    });

    claim(`a page of 1,000 ${state} messages is shown whole`, async (bench) => {
      await FILL[state](bench, 1000);
      const page = await bench.store.list(bench.queue, { state, limit: 1000 });
      assert.deepEqual([page.messages.length, page.next], [1000, undefined]);
      await bench.send(state === "delayed" ? { delay: 9 * LONG } : {});
      if (state === "active" || state === "dead") {
        const held = await bench.takeOne({ lease: 9 * LONG });
        if (state === "dead") await bench.bury(held);
      }
      const pages = await readPages(bench, state, 1000);
      assert.deepEqual(pages.map(({ messages }) => messages.length), [1000, 1]);
    });

    claim(`listing ${state} messages changes nothing`, async (bench) => {
      await FILL[state](bench, 5);
      const before = await bench.everything();
      const counts = await bench.store.counts(bench.queue);
      await readPages(bench, state, 2);
      assert.deepEqual(await bench.everything(), before);
      assert.deepEqual(await bench.store.counts(bench.queue), counts);
    });
  }

  claim("paging ready messages shows those that stay once, while others are received", async (bench) => {
    const ids = await bench.sendMany(20);
    await paging(bench, "ready", async (step) => {
      // From the front: behind the cursor, at it, and ahead of it.
      if (step < 4) await bench.take({ max: 4 });
    }, ids.slice(16));
  });

  claim("paging ready messages shows those that stay once, while others come back", async (bench) => {
    const ids = await bench.sendMany(20);
    const held = await bench.take({ max: 10 });
    await paging(bench, "ready", async (step) => {
      for (const lease of held.slice(step * 2, step * 2 + 2)) await bench.release(lease);
    }, ids.slice(10));
  });

  claim("paging ready messages shows those that stay once, while more important ones are sent", async (bench) => {
    const ids = await bench.sendMany(20);
    await paging(bench, "ready", async (step) => {
      await bench.sendMany(2, { priority: step });
    }, ids);
  });

  claim("paging active messages shows those that stay once, while others are ended or extended", async (bench) => {
    await bench.sendMany(20);
    const held = await bench.take({ max: 20 });
    await paging(bench, "active", async (step) => {
      for (const lease of held.slice(step * 3, step * 3 + 2)) await bench.ack(lease);
    }, idsOf(held.filter((_, i) => i % 3 === 2)));
  });

  claim("paging delayed messages shows those that stay once, while others fall due", async (bench) => {
    await bench.sendMany(6, { delay: SHORT });
    const ids = await bench.sendMany(10, { delay: LONG });
    await paging(bench, "delayed", async (step) => {
      if (step !== 1) return;
      await bench.outlast();
      await bench.exchange();
    }, ids);
  });

  claim("paging dead messages shows those that stay once, while others die", async (bench) => {
    await bench.sendMany(20);
    const held = await bench.take({ max: 20 });
    const first = held.filter((_, i) => i % 2 === 0);
    for (const lease of first) await bench.bury(lease);
    await paging(bench, "dead", async (step) => {
      for (const lease of held.filter((_, i) => i % 2 === 1).slice(step, step + 1)) await bench.retry(lease, 0, ERROR);
    }, idsOf(first));
  });

  claim(
    "a page may be followed through another handle",
    async (bench) => {
      const store = await bench.other();
      const ids = await bench.sendMany(7);
      const first = await bench.store.list(bench.queue, { state: "ready", limit: 4 });
      assert(first.next !== undefined);
      const second = await store.list(bench.queue, { state: "ready", limit: 4, cursor: first.next });
      assert.deepEqual([...idsOf(first.messages), ...idsOf(second.messages)], ids);
    },
    "another",
  );
}

async function readPages(bench: Bench, state: State, limit: number): Promise<Page[]> {
  const pages: Page[] = [];
  let cursor: string | undefined;
  do {
    const page = await bench.store.list(bench.queue, { state, limit, ...(cursor === undefined ? {} : { cursor }) });
    pages.push(page);
    cursor = page.next;
    assert(pages.length <= 2000, "the pages should come to an end");
  } while (cursor !== undefined);
  return pages;
}

/** Pages through a state three at a time with something done in between; `stay` must be shown, each once. */
async function paging(bench: Bench, state: State, between: (step: number) => Promise<void>, stay: readonly string[]): Promise<void> {
  const shown: string[] = [];
  let cursor: string | undefined;
  for (let step = 0; ; step += 1) {
    const page = await bench.store.list(bench.queue, { state, limit: 3, ...(cursor === undefined ? {} : { cursor }) });
    shown.push(...idsOf(page.messages));
    cursor = page.next;
    if (cursor === undefined) break;
    assert(step < 100, "the pages should come to an end");
    await between(step);
  }
  const stayed = shown.filter((id) => stay.includes(id));
  assert.deepEqual(stayed.toSorted(compare), [...stay].toSorted(compare));
  assert(stay.length > 0);
}
