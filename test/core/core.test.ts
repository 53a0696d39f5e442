import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fullJitter } from "../../src/core/backoff.ts";
import { decodeBody, encodeBody } from "../../src/core/codec.ts";
import { parseDuration } from "../../src/core/duration.ts";
import { isId, makeId, newTail, sentAtOf, sequenceOf, TokenSource } from "../../src/core/ids.ts";
import { checkQueueName } from "../../src/core/names.ts";
import { toErrorRecord } from "../../src/core/state.ts";

describe("durations", () => {
  it("are milliseconds or text with a unit", () => {
    const cases: [number | string, number][] = [[0, 0], [1500, 1500], [1.6, 2], ["500ms", 500], ["30s", 30_000], ["5m", 300_000], ["2 hours", 7_200_000], ["7d", 604_800_000], ["15", 15]];
    for (const [given, expected] of cases) assert.equal(parseDuration(given, "x"), expected);
  });

  it("that make no sense are refused, and the error says which", () => {
    const bad: unknown[] = [-1, Number.NaN, Infinity, "", " ", "soon", "5 parsecs", "-3s", "1e99y", "9".repeat(200), null, undefined, {}, [], true, 5n];
    for (const given of bad) assert.throws(() => parseDuration(given as number, "the lease"), { code: "BATON_DURATION_INVALID", message: /^the lease is / });
  });
});

describe("ids", () => {
  it("sort by sequence, and tell sequence and time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 51 }), fc.integer({ min: 1, max: 2 ** 51 }), (a, b) => {
        const [first, second] = [makeId(a, newTail()), makeId(b, newTail())];
        assert.ok(isId(first) && first.length === 18);
        assert.equal(sequenceOf(first), a);
        assert.equal(sentAtOf(first), Math.floor(a / 1000));
        if (a !== b) assert.equal(first < second, a < b);
      }),
    );
  });

  it("tokens of one source differ and name their holder; sources differ", () => {
    const [one, other] = [new TokenSource(), new TokenSource()];
    const tokens = Array.from({ length: 1000 }, () => one.next());
    assert.equal(new Set(tokens).size, 1000);
    assert.ok(tokens.every((token) => token.startsWith(`${one.holder}.`)));
    assert.notEqual(one.holder, other.holder);
  });
});

describe("bodies", () => {
  it("come back as they went", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const back = decodeBody(encodeBody(value, "q", 1 << 20), "q", "id");
        assert.deepEqual(back, JSON.parse(JSON.stringify(value)));
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(decodeBody(encodeBody(bytes, "q", 1 << 20), "q", "id"), bytes)));
  });

  it("of the limit's size pass, one byte more does not", () => {
    assert.equal(encodeBody("ä".repeat(49), "q", 100).data.length, 51);
    assert.throws(() => encodeBody("ä".repeat(49) + "x", "q", 100), { code: "BATON_BODY_TOO_LARGE" });
  });

  it("pushed raw are JSON if they parse, else text", () => {
    for (const [data, expected] of [["hello", "hello"], ["5", 5], ['{"a":1}', { a: 1 }], ["", ""], ["{", "{"]] as const) {
      assert.deepEqual(decodeBody({ codec: "raw", data }, "q", "id"), expected);
    }
  });

  it("that are not of their codec are unreadable", () => {
    assert.throws(() => decodeBody({ codec: "json", data: "{" }, "q", "id7"), { code: "BATON_BODY_UNREADABLE", message: /id7/ });
    assert.throws(() => decodeBody({ codec: "zip" as "json", data: "" }, "q", "id7"), { code: "BATON_BODY_UNREADABLE", message: /"zip"/ });
  });
});

describe("queue names", () => {
  it("may have letters of any script, digits and some punctuation", () => {
    for (const name of ["a", "emails", "crawl/v2", "größe", "メール", "a.b_c-d@e", "1", "x".repeat(128)]) assert.equal(checkQueueName(name), name);
  });

  it("with anything else are refused", () => {
    for (const name of ["", "a b", "a{b}", "a\nb", "a:1", ".a", "-a", "x".repeat(129), "a\0", 5, null, undefined]) {
      assert.throws(() => checkQueueName(name as string), { code: "BATON_QUEUE_NAME_INVALID" });
    }
  });
});

it("errors are kept as text of bounded length", () => {
  const record = toErrorRecord(new TypeError("x".repeat(5000)));
  assert.equal(record.name, "TypeError");
  assert.equal(record.message.length, 2000);
  assert.ok((record.stack?.length ?? 0) <= 2000);
  assert.deepEqual(toErrorRecord("plain"), { name: "Error", message: "plain" });
  assert.ok(toErrorRecord(`${"x".repeat(1999)}\u{1F600}`).message.isWellFormed());
});

it("jitter stays between nothing and a bound that doubles up to its cap", () => {
  assert.equal(fullJitter(0, 50, 2000, () => 1), 50);
  assert.equal(fullJitter(3, 50, 2000, () => 1), 400);
  assert.equal(fullJitter(1000, 50, 2000, () => 1), 2000);
  assert.equal(fullJitter(1000, 50, 2000, () => 0), 0);
});
