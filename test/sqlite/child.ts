import { createInterface } from "node:readline";
import { systemClock } from "../../src/core/clock.ts";
import { BatonError } from "../../src/core/errors.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { drain, message, receive, timelessClock } from "./helpers.ts";

/* What the tests run as processes of their own: `child.ts <role> <path>`. It talks by lines. */

const [role, path = ""] = process.argv.slice(2);
const input = createInterface(process.stdin);
const said = input[Symbol.asyncIterator]();
const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** Lets the process end by itself: an open stdin would keep it. */
const letGo = (): void => {
  input.close();
  process.stdin.destroy();
};
const open = (clock = systemClock): Promise<Store> =>
  openSqliteStore({ path, synchronous: "full", clock, connectTimeout: 10_000 });

switch (role) {
  /** Says which error opening gives. */
  case "open":
    try {
      await (await open()).close();
      print("opened");
    } catch (error) {
      print(error instanceof BatonError ? `${error.name} ${error.code} ${error.message}` : String(error));
    }
    break;

  /** Sends 200 messages while it receives and acks, says "sent", and on a line from outside says what it acked. */
  case "work": {
    print("ready");
    await said.next();
    const store = await open();
    const acked: string[] = [];
    let stopped = false;
    const working = (async () => {
      while (!stopped) acked.push(...(await drain(store, "q", 5)).map(({ body }) => body.data));
    })();
    const send = async (lane: number): Promise<void> => {
      for (let i = 0; i < 20; i += 1) await store.send("q", [message(`${process.pid}.${lane}.${i}`)]);
    };
    await Promise.all(Array.from({ length: 10 }, (_, lane) => send(lane)));
    print("sent");
    await said.next();
    stopped = true;
    await working;
    await store.close();
    print(JSON.stringify(acked));
    break;
  }

  /** Sends thousands and moves them about until it is killed. */
  case "churn": {
    const store = await open();
    for (let i = 0; ; i += 1) {
      await store.send("q", Array.from({ length: 1000 }, (_, k) => message(`${i}.${k}`)));
      const { token, received } = await receive(store, "q", 1000);
      const settle = received.map(({ id }) => ({ id, token, kind: "release" as const, delay: 0 }));
      await store.exchange("q", { settle, crashLimit: 3 });
      print(String(i + 1));
    }
  }

  /** Waits for a message of "q", over and over, by the wake file alone; says when a wait has begun and ended. */
  case "wait": {
    const store = await open(timelessClock);
    for (;;) {
      const waited = store.wait("q", 60_000, new AbortController().signal);
      // Answered after the first look of the wait, which is then over.
      await store.counts("q");
      print("waiting");
      await waited;
      print("woken");
      await said.next();
    }
  }

  /** Leaves without closing, with nothing pending. */
  case "leave": {
    const store = await open();
    await store.send("q", [message(1)]);
    print("left");
    break;
  }

  /** Closes with a request and a wait pending. */
  case "close": {
    const store = await open();
    const sent = store.send("q", [message(1)]);
    const waited = store.wait("other", 60_000, new AbortController().signal).catch((error: Error) => error.name);
    const closed = store.close();
    print(`${(await sent).length} ${await waited}`);
    await closed;
    break;
  }

  /** Has nothing but a wait to live for. */
  case "linger": {
    const store = await open();
    letGo();
    await store.wait("q", 300, new AbortController().signal);
    print("timed out");
    break;
  }

  default:
    throw new Error(`no role ${role}`);
}

letGo();
