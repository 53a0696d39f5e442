import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { RedisServer } from "../support/redis-server.ts";
import { tempDirectory } from "../support/temp.ts";
import { Cli, jsonLines, look, run } from "./cli.ts";

const directory = tempDirectory();
let server: RedisServer;
before(async () => {
  server = await RedisServer.start();
});
after(() => server.stop());

const engines = { sqlite: () => `sqlite:${directory.file("look.db")}`, redis: () => server.url };

for (const [engine, storeOf] of Object.entries(engines)) {
  describe(`looking at queues on ${engine}`, { concurrency: 4 }, () => {
    it("receive prints bodies as lines and acks them", async () => {
      const env = { BATON_STORE: storeOf() };
      await look(storeOf(), (baton) => baton.queue("texts").sendMany(["a", "b\n", { c: 1 }].map((body) => ({ body }))));
      const { code, stdout } = await run(["receive", "texts", "--max", "10"], { env });
      assert.equal(code, 0);
      assert.equal(stdout, 'a\nb\n{"c":1}\n');
      const { ready, active } = await look(storeOf(), (baton) => baton.queue("texts").counts());
      assert.equal(ready + active, 0);
    });

    it("receive --no-ack leaves messages as they were", async () => {
      const env = { BATON_STORE: storeOf() };
      await look(storeOf(), (baton) => baton.queue("kept").send(Uint8Array.of(1, 2)));
      for (let i = 0; i < 2; i += 1) {
        const [message] = jsonLines((await run(["receive", "kept", "--no-ack", "--json"], { env })).stdout);
        assert.equal(message?.["bodyBase64"], "AQI=");
        assert.equal(message?.["attempt"], 1);
        assert.equal(message?.["crashes"], 0);
      }
    });

    it("receive exits with 1 when nothing came, and with 130 when interrupted while it waits", async () => {
      const env = { BATON_STORE: storeOf() };
      const { code, stdout, stderr } = await run(["receive", "nothing"], { env });
      assert.deepEqual([code, stdout, stderr], [1, "", ""]);
      const waiting = new Cli(["receive", "awaited", "--wait", "1h", "--verbose"], { env });
      await waiting.says(/^baton: connected$/m);
      waiting.child.kill("SIGINT");
      assert.equal((await waiting.ended()).code, 130);
    });

    it("receive gives back what it can't print", async () => {
      const env = { BATON_STORE: storeOf() };
      const cli = new Cli(["receive", "unread", "--wait", "1h"], { env });
      cli.child.stdout.destroy();
      const { id } = await look(storeOf(), (baton) => baton.queue("unread").send("x"));
      const { code, stderr } = await cli.ended();
      assert.deepEqual([code, stderr], [141, ""]);
      const found = await look(storeOf(), (baton) => baton.queue("unread").get(id));
      assert.deepEqual([found?.state, found?.failures, found?.crashes], ["ready", 0, 0]);
    });

    it("queues, stats, list and get show what is there", async () => {
      const env = { BATON_STORE: storeOf() };
      const { id } = await look(storeOf(), async (baton) => {
        await baton.queue("shown").send("later", { delay: "1h" });
        return baton.queue("shown").send({ n: 1 });
      });
      const json = async (...args: string[]): Promise<unknown> => JSON.parse((await run([...args, "--json"], { env })).stdout);
      assert.ok(((await json("queues")) as string[]).includes("shown"));
      assert.deepEqual(await json("stats", "shown"), [{ queue: "shown", ready: 1, delayed: 1, active: 0, dead: 0 }]);
      assert.match((await run(["stats", "shown"], { env })).stdout, /^queue +ready +delayed +active +dead\nshown +1 +1 +0 +0\n$/);
      const { messages, next } = (await json("list", "shown")) as { messages: Record<string, unknown>[]; next?: string };
      assert.equal(next, undefined);
      assert.deepEqual(messages.map((message) => [message["id"], message["body"]]), [[id, { n: 1 }]]);
      const got = (await json("get", "shown", id)) as Record<string, unknown>;
      assert.deepEqual([got["id"], got["state"], got["body"]], [id, "ready", { n: 1 }]);
      assert.match((await run(["get", "shown", id], { env })).stdout, /^state +ready$/m);
    });

    it("list goes on where the page before ended", async () => {
      const env = { BATON_STORE: storeOf() };
      await look(storeOf(), (baton) => baton.queue("paged").sendMany([1, 2, 3].map((body) => ({ body }))));
      const first = await run(["list", "paged", "--limit", "2"], { env });
      const cursor = /--cursor '(.+)'/.exec(first.stderr)?.[1] ?? "";
      const { messages } = JSON.parse((await run(["list", "paged", "--cursor", cursor, "--json"], { env })).stdout) as { messages: { body: unknown }[] };
      assert.deepEqual(messages.map(({ body }) => body), [3]);
    });

    it("list ends without a word when its reader goes away", async () => {
      const env = { BATON_STORE: storeOf() };
      await look(storeOf(), (baton) => baton.queue("long").sendMany(Array.from({ length: 1000 }, (_, i) => ({ body: String(i).padEnd(500) }))));
      const cli = new Cli(["list", "long", "--limit", "1000", "--json"], { env });
      cli.child.stdout.destroy();
      const { code, stderr } = await cli.ended();
      assert.deepEqual([code, stderr], [141, ""]);
    });

    it("doctor says what the store is, and leaves nothing behind", async () => {
      const env = { BATON_STORE: storeOf() };
      const { code, stdout } = await run(["doctor", "--json"], { env });
      const { node, store } = JSON.parse(stdout) as { node: Record<string, unknown>; store: Record<string, unknown> };
      assert.equal(code, 0);
      assert.deepEqual([node["ok"], store["engine"]], [true, engine]);
      assert.ok(Number(store["roundTripMs"]) > 0);
      assert.ok(!(await look(storeOf(), (baton) => baton.queues())).includes("baton-doctor"));
    });
  });
}

it("doctor exits with 3 and says why, when the store can't be reached", async () => {
  const { code, stdout } = await run(["doctor", "--store", "redis://127.0.0.1:1", "--connect-timeout", "200ms"]);
  assert.equal(code, 3);
  assert.match(stdout, /^ok +node/);
  assert.match(stdout, /bad +store .*\[BATON_STORE_UNREACHABLE\]/);
});
