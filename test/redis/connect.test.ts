import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { connect, StoreError, StoreUnreachableError } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { type Control, control } from "./support/control.ts";

describe("connections", () => {
  let server: RedisServer;
  let admin: Control;
  before(async () => {
    server = await RedisServer.start();
    admin = await control(server.port);
    await admin.send("ACL", "SETUSER", "baton", "on", ">secret", "~baton:*", "+@all", "-@dangerous");
    await admin.send("ACL", "SETUSER", "untold", "on", ">secret", "~baton:*", "+@all", "-@dangerous", "-client|tracking");
    await admin.send("ACL", "SETUSER", "narrow", "on", ">secret", "~other:*", "+@all", "-@dangerous");
  });
  after(async () => {
    admin.close();
    await server.stop();
  });

  test("a connect() makes exactly two connections, however many queues are used", async () => {
    await using baton = await connect(server.url);
    for (let i = 0; i < 20; i += 1) {
      baton.queue(`q${i}`).work(async () => {}, { concurrency: 3 });
      await baton.queue(`q${i}`).send(i);
    }
    assert.equal(await connections(admin), 2);
    await baton.close();
    await until(async () => (await connections(admin)) === 0, "both are closed");
  });

  for (const [user, told] of [["baton", true], ["untold", false]] as const) {
    test(`a user with ~baton:* +@all -@dangerous${told ? "" : " and without CLIENT TRACKING"} can do everything`, async () => {
      await using baton = await connect(`redis://${user}:secret@127.0.0.1:${server.port}`);
      const queue = baton.queue<number>(`acl-${user}`);
      const seen: number[] = [];
      const worker = queue.work((message) => void seen.push(message.body));
      await queue.send(1);
      await until(() => seen.length === 1, "it was handled");
      await until(async () => (await admin.info("clients", "blocked_clients")) === 1, "it waits");
      await admin.send("RPUSH", `baton:{acl-${user}}:inbox`, "2");
      await until(() => seen.length === 2, "the plain push was handled", told ? 200 : 2500);
      await queue.send(3, { delay: 30 });
      await until(() => seen.length === 3, "the delayed one was handled");
      assert.deepEqual(seen, [1, 2, 3]);
      assert.deepEqual(await queue.counts(), { ready: 0, delayed: 0, active: 0, dead: 0 });
      assert((await baton.queues()).includes(`acl-${user}`));
      assert.match((await baton.inspect()).durability, /Unknown|file/);
      await worker.stop();
    });
  }

  test("a user without a right to the keys gets a typed error at the first call", async () => {
    await using baton = await connect(`redis://narrow:secret@127.0.0.1:${server.port}`);
    await assert.rejects(baton.queue("a").send(1), denied);
    await assert.rejects(baton.queue("a").receive(), denied);
  });

  test("a wrong password is refused at once", async () => {
    await assert.rejects(connect(`redis://baton:wrong@127.0.0.1:${server.port}`), denied);
  });

  test("a port nobody listens on is a typed error within the connect timeout", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const address = closed.address();
    closed.close();
    await unreachable(typeof address === "object" && address !== null ? address.port : 1);
  });

  test("a server that accepts and says nothing is a typed error within the connect timeout", async () => {
    const mute = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const address = mute.address();
    await unreachable(typeof address === "object" && address !== null ? address.port : 1);
    mute.close();
  });

  test("a server that talks something else is a typed error", async () => {
    const web = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(0, "127.0.0.1");
    await once(web, "listening");
    const address = web.address();
    await unreachable(typeof address === "object" && address !== null ? address.port : 1);
    web.close();
  });

  test("a login that is refused later is waited out", async () => {
    await using baton = await connect(`redis://baton:secret@127.0.0.1:${server.port}`);
    const queue = baton.queue("later");
    await queue.send(1);
    await admin.send("ACL", "SETUSER", "baton", "off");
    await admin.send("CLIENT", "KILL", "USER", "baton");
    const sent = queue.send(2);
    const state = await Promise.race([sent.then(() => "sent", () => "failed"), new Promise((resolve) => setTimeout(resolve, 300, "waiting"))]);
    assert.notEqual(state, "sent");
    await admin.send("ACL", "SETUSER", "baton", "on");
    await sent.catch(() => {});
    await queue.send(3);
    const messages = await queue.receive({ max: 10 });
    await Promise.all(messages.map((message) => message.ack()));
    assert(messages.some(({ body }) => body === 3));
  });
});

async function connections(admin: Control): Promise<number> {
  return [...String(await admin.send("CLIENT", "LIST")).matchAll(/ name=baton /g)].length;
}

async function unreachable(port: number): Promise<void> {
  await assert.rejects(connect(`redis://127.0.0.1:${port}`, { connectTimeout: 500 }), (error) => {
    assert(error instanceof StoreUnreachableError, String(error));
    assert.match(error.message, new RegExp(`127.0.0.1:${port}`));
    return true;
  });
}

function denied(error: unknown): boolean {
  assert(error instanceof StoreError, String(error));
  assert.equal(error.code, "BATON_STORE_DENIED");
  return true;
}
