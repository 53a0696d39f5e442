import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { MessageInfo } from "../../src/index.ts";
import { systemClock } from "../../src/core/clock.ts";
import { openStore } from "../../src/store/open.ts";
import { RedisServer } from "../support/redis-server.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { Cli, isAlive, look } from "./cli.ts";

const directory = tempDirectory();
const store = `sqlite:${directory.file("stopping.db")}`;
const env = { BATON_STORE: store };

/** Starts a worker on a new queue with one message, and waits until its command runs. */
async function started(queue: string, command: string, ...args: string[]): Promise<{ cli: Cli; id: string; pid: number }> {
  const { id } = await look(store, (baton) => baton.queue(queue).send("x"));
  const cli = new Cli(["work", queue, "--exec", `echo "pid $$" >&2; ${command}`, ...args], { env });
  const [, pid] = await cli.says(/^pid (\d+)$/m);
  return { cli, id, pid: Number(pid) };
}

function find(queue: string, id: string): Promise<MessageInfo | undefined> {
  return look(store, (baton) => baton.queue(queue).get(id));
}

async function assertUntouched(queue: string, id: string): Promise<void> {
  const found = await find(queue, id);
  assert.deepEqual([found?.state, found?.failures, found?.crashes], ["ready", 0, 0]);
}

describe("a worker that is asked to stop", { concurrency: 4 }, () => {
  it("lets its command finish, and exits with 0", async () => {
    const go = directory.file("go");
    const { cli, id } = await started("finish", `until test -e '${go}'; do sleep 0.02; done; echo finished`);
    cli.child.kill("SIGTERM");
    await cli.says(/SIGTERM: 1 message may finish within 30 s/);
    writeFileSync(go, "");
    const { code, stdout, stderr } = await cli.ended();
    assert.deepEqual([code, stdout], [0, "finished\n"]);
    assert.match(stderr, /handled 1 message, /);
    assert.equal(await find("finish", id), undefined);
  });

  it("hands back what is not done within the grace, burning no attempt", async () => {
    const { cli, id, pid } = await started("grace", "sleep 60", "--grace", "200ms");
    cli.child.kill("SIGTERM");
    const { code, stderr } = await cli.ended();
    assert.equal(code, 0);
    assert.match(stderr, /handled 0 messages, 0 failed attempts, 0 dead, 1 handed back/);
    assert.equal(isAlive(pid), false);
    await assertUntouched("grace", id);
  });

  it("hands back at the second signal, ends all that the command started, and exits with 130", async () => {
    const { cli, id, pid } = await started("twice", 'sleep 60 & echo "inner $!" >&2; wait');
    const inner = Number((await cli.says(/^inner (\d+)$/m))[1]);
    cli.child.kill("SIGINT");
    await cli.says(/SIGINT: 1 message may finish/);
    assert.equal(isAlive(pid), true, "the first signal does not reach the command");
    cli.child.kill("SIGINT");
    const { code } = await cli.ended();
    assert.equal(code, 130);
    assert.deepEqual([isAlive(pid), isAlive(inner)], [false, false]);
    await assertUntouched("twice", id);
  });

  it("hands back what exits with 0 because it was asked to end", async () => {
    const { cli, id } = await started("polite", "trap 'exit 0' TERM; sleep 60 & wait", "--grace", "0");
    cli.child.kill("SIGTERM");
    assert.equal((await cli.ended()).code, 0);
    await assertUntouched("polite", id);
  });

  it("ends at the third signal at once, with a command that does not want to end", async () => {
    const { cli, pid } = await started("stubborn", "trap '' TERM; while :; do sleep 0.05; done");
    cli.child.kill("SIGTERM");
    await cli.says(/may finish/);
    cli.child.kill("SIGTERM");
    // Nothing tells of the second one; it is over only with the third.
    const third = setInterval(() => cli.child.kill("SIGTERM"), 50);
    const { code } = await cli.ended();
    clearInterval(third);
    assert.equal(code, 143);
    await until(() => !isAlive(pid), "the command is gone");
  });

  it("exits with 143 if it should have emptied the queue", async () => {
    const { cli, id } = await started("unfinished", "sleep 60", "--until-empty", "--grace", "0");
    cli.child.kill("SIGTERM");
    assert.equal((await cli.ended()).code, 143);
    await assertUntouched("unfinished", id);
  });

  it("hands back a module's messages at the second signal", async () => {
    const path = directory.file("endless.ts");
    writeFileSync(path, 'export default () => { console.error("begun"); return new Promise(() => setInterval(() => {}, 1000)); };');
    const { id } = await look(store, (baton) => baton.queue("module").send("x"));
    const cli = new Cli(["work", "module", "--module", path], { env });
    await cli.says(/begun/);
    cli.child.kill("SIGINT");
    await cli.says(/may finish/);
    cli.child.kill("SIGINT");
    assert.equal((await cli.ended()).code, 130);
    await assertUntouched("module", id);
  });
});

describe("a worker", { concurrency: 4 }, () => {
  it("ends its command when the lease is lost", async () => {
    const { cli, id, pid } = await started("lost", "sleep 60", "--lease", "500ms");
    // Somebody ends the lease behind the worker's back; it finds out when it extends.
    const side = await openStore(store, { connectTimeout: 5000, prefix: undefined, synchronous: undefined, clock: systemClock });
    const [held] = await side.get("lost", [id]);
    await side.exchange("lost", { settle: [{ kind: "ack", id, token: held?.token ?? "" }], crashLimit: 3 });
    await side.close();
    await cli.says(/is not leased to this process any more/);
    assert.equal(isAlive(pid), false);
    cli.child.kill("SIGTERM");
    assert.match((await cli.ended()).stderr, /handled 0 messages, 0 failed attempts, 0 dead, 1 lost/);
  });

  it("waits for a store that went away, says so once, and goes on", async () => {
    await using server = await RedisServer.start();
    const cli = new Cli(["work", "away", "--exec", "echo got >&2", "--store", server.url]);
    await look(server.url, (baton) => baton.queue("away").send(1));
    await cli.says(/got/);
    const isIdle = (): Promise<boolean> => look(server.url, async (baton) => (await baton.queue("away").counts()).active === 0);
    await until(isIdle, "the message is acked");
    await server.kill();
    await cli.says(/^baton: store lost: .+; waiting$/m);
    await server.restart();
    await cli.says(/^baton: store back after [\d.]+ s$/m);
    await look(server.url, (baton) => baton.queue("away").send(2));
    await cli.says(/got\n(.*\n)*got/);
    await until(isIdle, "the second message is acked");
    cli.child.kill("SIGTERM");
    const { code, stderr } = await cli.ended();
    assert.equal(code, 0);
    assert.equal(stderr.match(/store lost/g)?.length, 1);
    assert.match(stderr, /handled 2 messages/);
  });
});
