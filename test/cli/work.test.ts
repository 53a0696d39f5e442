import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { RedisServer } from "../support/redis-server.ts";
import { tempDirectory } from "../support/temp.ts";
import { Cli, jsonLines, look, run } from "./cli.ts";

const directory = tempDirectory();
const store = `sqlite:${directory.file("work.db")}`;
const env = { BATON_STORE: store };

let server: RedisServer;
before(async () => {
  server = await RedisServer.start();
});
after(() => server.stop());

async function sendAll(queue: string, bodies: readonly unknown[]): Promise<void> {
  await look(store, (baton) => baton.queue(queue).sendMany(bodies.map((body) => ({ body }))));
}

/** Works a queue empty with a shell command. */
function work(queue: string, command: string, ...args: string[]): ReturnType<typeof run> {
  return run(["work", queue, "--exec", command, "--until-empty", ...args], { env });
}

describe("send | work", { concurrency: 4 }, () => {
  for (const [engine, storeOf] of Object.entries({ sqlite: () => store, redis: () => server.url })) {
    it(`handles each line exactly once on ${engine}`, async () => {
      const words = Array.from({ length: 300 }, (_, i) => `word-${i}`);
      const options = { env: { BATON_STORE: storeOf() } };
      assert.equal((await run(["send", "w"], { ...options, input: words.join("\n") })).code, 0);
      const args = ["work", "w", "--exec", "tr a-z A-Z", "--until-empty", "--concurrency", "8"];
      const { code, stdout, stderr } = await run(args, options);
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trimEnd().split("\n").toSorted(), words.map((word) => word.toUpperCase()).toSorted());
      assert.match(stderr, /^handled 300 messages, 0 failed attempts, 0 dead in /);
    });
  }
});

describe("work --exec", { concurrency: 4 }, () => {
  it("gives the body on stdin and in the environment, in order", async () => {
    await sendAll("given", ["text with 'quotes' $HOME", { a: [1] }, "two\nlines"]);
    const { stdout } = await work("given", `printf '%s %s %s<%s>' "$BATON_QUEUE" "$BATON_ATTEMPT" "$(cat)" "$BATON_BODY"`);
    const given = ["text with 'quotes' $HOME", '{"a":[1]}', "two\nlines"];
    assert.equal(stdout, given.map((body) => `given 1 ${body}<${body}>\n`).join(""));
  });

  it("leaves $BATON_BODY unset for what an environment can't hold, and does not inherit another's", async () => {
    await sendAll("unset", ["x".repeat(131_072), "a\0b", Uint8Array.of(0, 255), "y".repeat(131_060)]);
    const { code, stdout } = await run(["work", "unset", "--exec", `wc -c | tr -d ' '; echo "\${BATON_BODY+set}"`, "--until-empty"], {
      env: { ...env, BATON_BODY: "of an outer worker" },
    });
    assert.equal(code, 0);
    assert.equal(stdout, "131072\n\n3\n\n2\n\n131060\nset\n");
  });

  it("retries with the exit code and the end of stderr, and exits with 1 if a message died", async () => {
    await sendAll("failing", ["never", "second time"]);
    const command = `echo "no: $BATON_BODY" >&2; test "$BATON_BODY$BATON_ATTEMPT" = "second time2" || exit 7`;
    const { code, stderr } = await work("failing", command, "--attempts", "2");
    assert.equal(code, 1);
    assert.match(stderr, /attempt 2 of 2 failed; it is dead: The command ended with exit code 7\. It said: no: never\n/);
    assert.match(stderr, /\nhandled 1 message, 3 failed attempts, 1 dead in /);
    const [dead] = await look(store, async (baton) => (await baton.queue("failing").list({ state: "dead" })).messages);
    assert.deepEqual([dead?.body, dead?.failures, dead?.reason], ["never", 2, "failed"]);
    assert.equal(dead?.error?.message, "The command ended with exit code 7. It said: no: never");
  });

  it("counts death by a signal as a failure", async () => {
    await sendAll("killed", ["x"]);
    const { stderr } = await work("killed", "kill -9 $$", "--attempts", "1");
    assert.match(stderr, /The command was ended by SIGKILL\./);
  });

  it("takes no offence at a command that does not read its stdin", async () => {
    await sendAll("deaf", ["x".repeat(900_000)]);
    assert.equal((await work("deaf", "exec true")).code, 0);
  });

  it("does not wait for what a command left in the background", async () => {
    await sendAll("background", ["x"]);
    const { code, stdout } = await work("background", "sleep 30 & echo done; echo $! >&2");
    assert.deepEqual([code, stdout], [0, "done\n"]);
  });

  it("never mixes the outputs of messages, however long", async () => {
    await sendAll("long", ["a", "b", "c", "d"]);
    const { code, stdout } = await work("long", `head -c 3000000 /dev/zero | tr '\\0' "$BATON_BODY"`, "--concurrency", "4");
    assert.equal(code, 0);
    const outputs = stdout.trimEnd().split("\n").toSorted();
    assert.deepEqual(outputs.map((output) => [output.length, output[0], new Set(output).size]), ["a", "b", "c", "d"].map((body) => [3_000_000, body, 1]));
  });

  it("ends what runs over its timeout, with all that it started", async () => {
    await sendAll("slow", ["x"]);
    const { code, stderr } = await work("slow", "echo before >&2; sleep 60 & wait", "--timeout", "300ms", "--attempts", "1");
    assert.equal(code, 1);
    assert.match(stderr, /The command ran longer than its timeout of 300 ms and was ended\. It said: before/);
  });

  it("hands back a message whose output nobody reads, and ends without a word", async () => {
    await sendAll("unread", ["x"]);
    const cli = new Cli(["work", "unread", "--exec", "echo hello"], { env });
    cli.child.stdout.destroy();
    const { code, stderr } = await cli.ended();
    assert.equal(code, 141);
    assert.match(stderr, /^handled 0 messages, .* 1 handed back in /);
    const [found] = await look(store, async (baton) => (await baton.queue("unread").list({ state: "ready" })).messages);
    assert.deepEqual([found?.failures, found?.crashes], [0, 0]);
  });

  it("tells what happens as JSON", async () => {
    await sendAll("events", ["ok", "bad"]);
    const { stdout, stderr } = await work("events", `echo "$BATON_BODY!"; test "$BATON_BODY" = ok`, "--attempts", "1", "--json");
    assert.equal(stderr, "");
    const events = jsonLines(stdout).map(({ id: _id, seconds: _seconds, ...event }) => event);
    assert.deepEqual(events, [
      { event: "done", queue: "events", attempt: 1, body: "ok", exit: 0, signal: null, stdout: "ok!\n" },
      { event: "dead", queue: "events", attempt: 1, body: "bad", error: "The command ended with exit code 1.", exit: 1, signal: null, stdout: "bad!\n" },
      { event: "end", queue: "events", handled: 1, failed: 1, dead: 1, lost: 0, handedBack: 0 },
    ]);
  });
});

describe("work --module", { concurrency: 4 }, () => {
  it("hands messages to the module's default export, TypeScript as it is", async () => {
    const path = directory.file("handler.ts");
    writeFileSync(
      path,
      `interface Body { readonly n: number }
       export default async (message: { readonly body: Body }, { signal }: { signal: AbortSignal }): Promise<void> => {
         if (message.body.n === 2) throw new Error("two is too many");
         console.log(message.body.n * 10, signal.aborted);
       };`,
    );
    await sendAll("module", [{ n: 1 }, { n: 2 }, { n: 3 }]);
    const { code, stdout, stderr } = await run(["work", "module", "--module", path, "--until-empty", "--attempts", "2"], { env });
    assert.equal(code, 1);
    assert.equal(stdout, "10 false\n30 false\n");
    assert.match(stderr, /two is too many/);
    assert.match(stderr, /handled 2 messages, 2 failed attempts, 1 dead/);
  });

  it("refuses a module without a handler before it takes a message", async () => {
    const path = directory.file("empty.ts");
    writeFileSync(path, "export const handler = (): void => {};");
    const unused = directory.file("unused.db");
    const { code, stderr } = await run(["work", "q", "--module", path, "--store", `sqlite:${unused}`]);
    assert.equal(code, 2);
    assert.match(stderr, /exports no function by default/);
    assert.equal(existsSync(unused), false);
  });
});
