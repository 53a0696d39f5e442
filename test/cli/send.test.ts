import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { Cli, jsonLines, look, run } from "./cli.ts";

const directory = tempDirectory();
const store = `sqlite:${directory.file("send.db")}`;
const env = { BATON_STORE: store };

function bodies(queue: string): Promise<unknown[]> {
  return look(store, async (baton) => (await baton.queue(queue).list({ state: "ready", limit: 1000 })).messages.map(({ body }) => body));
}

describe("baton send", { concurrency: 4 }, () => {
  it("sends a body as text and prints its id", async () => {
    const { code, stdout, stderr } = await run(["send", "one", "42"], { env });
    assert.equal(code, 0);
    assert.equal(stderr, 'sent 1 message to "one"\n');
    const found = await look(store, (baton) => baton.queue("one").get(stdout.trim()));
    assert.equal(found?.body, "42");
  });

  it("sends a message for each line, skips empty ones, and takes both ends of line and none", async () => {
    const { code, stdout, stderr } = await run(["send", "lines"], { env, input: "a\r\n\nb \n\r\n{\"c\":1}\nd" });
    assert.equal(code, 0);
    assert.equal(stdout, "");
    assert.equal(stderr, 'sent 4 messages to "lines"\n');
    assert.deepEqual(await bodies("lines"), ["a", "b ", '{"c":1}', "d"]);
  });

  it("keeps lines and characters whole that are cut between reads", async () => {
    const cli = new Cli(["send", "cut"], { env, input: null });
    const bytes = Buffer.from("h\u00e9llo w\u{1F30D}rld\nn\u00e9xt\n");
    for (const byte of bytes) {
      cli.child.stdin.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    cli.child.stdin.end();
    assert.equal((await cli.ended()).code, 0);
    assert.deepEqual(await bodies("cut"), ["h\u00e9llo w\u{1F30D}rld", "n\u00e9xt"]);
  });

  it("reads JSON with --ndjson, delays and ranks", async () => {
    const { stdout } = await run(["send", "json", "--ndjson", "--priority", "5", "--json"], { env, input: '{"a":[1]}\n"text"\nnull\n' });
    const ids = jsonLines(stdout).map(({ id }) => id);
    assert.equal(ids.length, 3);
    await run(["send", "json", "--ndjson", '{"later":true}', "--delay", "1h"], { env });
    const [ready, delayed] = await look(store, (baton) => Promise.all((["ready", "delayed"] as const).map((state) => baton.queue("json").list({ state }))));
    assert.deepEqual(ready?.messages.map(({ id, body, priority }) => [id, body, priority]), [
      [ids[0], { a: [1] }, 5],
      [ids[1], "text", 5],
      [ids[2], null, 5],
    ]);
    assert.deepEqual(delayed?.messages.map(({ body }) => body), [{ later: true }]);
  });

  it("stops at a line that is not JSON, names it, and has sent those before it", async () => {
    const good = Array.from({ length: 1500 }, (_, i) => String(i)).join("\n");
    const { code, stderr } = await run(["send", "bad", "--ndjson"], { env, input: `${good}\n{oops\n7\n8\n` });
    assert.equal(code, 2);
    assert.match(stderr, /^sent 1,500 messages to "bad"\nbaton: Line 1501 is not JSON: .+ \[BATON_CLI_INPUT\]\n$/);
    const counts = await look(store, (baton) => baton.queue("bad").counts());
    assert.equal(counts.ready, 1500);
  });

  it("stops at a line that is too long, or not UTF-8", async () => {
    const [long, bytes] = await Promise.all([
      run(["send", "long", "--max-body", "100"], { env, input: `ok\n${"x".repeat(99)}\nnever\n` }),
      run(["send", "bytes"], { env, input: Buffer.from("ok\nb\xff\xfe\nnever\n", "latin1") }),
    ]);
    assert.equal(long.code, 2);
    assert.match(long.stderr, /Line 2 is 101 bytes/);
    assert.deepEqual(await bodies("long"), ["ok"]);
    assert.equal(bytes.code, 2);
    assert.match(bytes.stderr, /Line 2 is not UTF-8/);
    assert.deepEqual(await bodies("bytes"), ["ok"]);
  });

  it("sends a whole file: as text, or as bytes", async () => {
    const text = directory.file("text.txt");
    writeFileSync(text, "two\nlines\n");
    const image = directory.file("image");
    writeFileSync(image, Uint8Array.of(0x89, 0x50, 0, 0xff));
    await run(["send", "files", "--file", text], { env });
    await run(["send", "files", "--file", image], { env });
    await run(["send", "files", "--file", "-"], { env, input: "from stdin" });
    assert.deepEqual(await bodies("files"), ["two\nlines\n", Uint8Array.of(0x89, 0x50, 0, 0xff), "from stdin"]);
    assert.equal((await run(["send", "files", "--file", text, "--ndjson"], { env })).code, 2);
  });

  it("keeps the order of many lines", async () => {
    const count = 20_000;
    const input = Array.from({ length: count }, (_, i) => String(i)).join("\n");
    const { stdout, stderr } = await run(["send", "many", "--json"], { env, input });
    assert.deepEqual(JSON.parse(stderr), { event: "sent", queue: "many", sent: count });
    const ids = jsonLines(stdout).map(({ id }) => String(id));
    assert.equal(new Set(ids).size, count);
    assert.deepEqual(ids, ids.toSorted());
    const last = await look(store, (baton) => baton.queue("many").get(ids.at(-1) ?? ""));
    assert.equal(last?.body, String(count - 1));
  });

  it("sends what came while stdin stays open, and on SIGINT says how many and exits with 130", async () => {
    const cli = new Cli(["send", "tail"], { env, input: null });
    cli.child.stdin.write("first\nsecond\nhalf a li");
    await until(async () => (await bodies("tail")).length === 2, "both lines are there");
    cli.child.kill("SIGINT");
    const { code, stderr } = await cli.ended();
    assert.equal(stderr, 'sent 2 messages to "tail"\n');
    assert.equal(code, 130);
    assert.deepEqual(await bodies("tail"), ["first", "second"]);
  });
});
