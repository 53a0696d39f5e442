import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { connect, type Baton } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until, within } from "../support/until.ts";
import { type Control, control, many } from "./support/control.ts";

const run = promisify(execFile);
const MASTER = join(import.meta.dirname, "../../examples/php/master.php");

describe("programs without Baton send with one command", () => {
  let server: RedisServer;
  let admin: Control;
  let baton: Baton;
  before(async () => {
    server = await RedisServer.start();
    admin = await control(server.port);
    baton = await connect(server.url);
  });
  after(async () => {
    await baton.close();
    admin.close();
    await server.stop();
  });

  test("redis-cli RPUSH reaches an idle worker each time, in order, JSON parsed", async () => {
    const seen: unknown[] = [];
    const worker = baton.queue("emails").work((message) => void seen.push(message.body));
    await waits("emails");
    const bodies = ["hello", '{"to":"ada@example.org"}', "42", "not { json", "", "ünï ☃", '"text"'];
    for (const [i, body] of bodies.entries()) {
      await run("redis-cli", ["-p", String(server.port), "RPUSH", "baton:{emails}:inbox", body]);
      await until(() => seen.length > i, `body ${i} arrived`);
    }
    assert.deepEqual(seen, ["hello", { to: "ada@example.org" }, 42, "not { json", "", "ünï ☃", "text"]);
    await worker.stop();
  });

  test("a push for many idle workers is received by one of them, and none looks twice", async () => {
    await using stack = new AsyncDisposableStack();
    let seen = 0;
    for (const one of await many(server.url, 20, stack)) one.queue("crowd").work(() => void (seen += 1));
    await waits("crowd", 20);
    await admin.send("CONFIG", "RESETSTAT");
    await admin.send("RPUSH", "baton:{crowd}:inbox", "x");
    await until(() => seen === 1, "it arrived");
    await until(async () => Number(await admin.send("ZCARD", "baton:{crowd}:leases")) === 0, "it was acked");
    const calls = await admin.calls();
    const looks = calls.get("evalsha") ?? 0;
    console.log(`one plain push for 20 idle connections: ${looks} calls of scripts`);
    // On a busy machine some more look before they hear that the first has looked; nobody looks twice.
    assert(looks <= 23, `${looks}`);
  });

  test("5,000 bodies pushed while nobody works are handled in the order they were pushed", async () => {
    const count = 5000;
    for (let i = 0; i < count; i += 500) {
      await admin.send("RPUSH", "baton:{later}:inbox", ...Array.from({ length: 500 }, (_, n) => String(i + n)));
    }
    const queue = baton.queue<number>("later");
    assert.equal((await queue.counts()).ready, count);
    const seen: number[] = [];
    await queue.work((message) => void seen.push(message.body), { untilEmpty: true }).stopped;
    assert.deepEqual(seen, Array.from({ length: count }, (_, i) => i));
    assert.equal(Number(await admin.send("HLEN", "baton:{later}:messages")), 0);
  });

  test("the article's master in PHP, one push a message, feeds Baton's workers", { skip: noPhp() }, async () => {
    const seen: unknown[] = [];
    const worker = baton.queue("php").work((message) => void seen.push(message.body), { concurrency: 10 });
    const php = spawn("php", [MASTER, String(server.port), "100"], { stdio: ["ignore", "inherit", "inherit"] });
    const ended = new Promise((resolve) => php.once("close", resolve));
    await until(() => seen.length === 100, "all arrived");
    assert.equal(await within(ended, "php ended"), 0);
    assert.deepEqual(
      seen.toSorted((a, b) => number(a) - number(b)),
      Array.from({ length: 100 }, (_, i) => ({ number: i + 1, text: `message ${i + 1}` })),
    );
    await worker.stop();
  });

  /** Resolves when so many connections are blocked on a queue's token. */
  async function waits(queue: string, count = 1): Promise<void> {
    await until(async () => (await admin.info("clients", "blocked_clients")) >= count, `${count} wait for ${queue}`);
  }
});

function number(body: unknown): number {
  return typeof body === "object" && body !== null && "number" in body ? Number(body.number) : 0;
}

function noPhp(): string | false {
  try {
    return /^redis$/m.test(execFileSync("php", ["-m"], { encoding: "utf8" })) ? false : "php has no redis extension: apt-get install -y php-redis";
  } catch {
    return "there is no php: apt-get install -y php-cli php-redis";
  }
}
