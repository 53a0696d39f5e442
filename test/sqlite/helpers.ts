import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import type { Clock } from "../../src/core/clock.ts";
import { TokenSource } from "../../src/core/ids.ts";
import type { Delivery, NewMessage, Store } from "../../src/store/store.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";

export const tokens: TokenSource = new TokenSource();

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Does this after the test, last first: a store is closed before its directory goes. */
export function afterTest(t: TestContext, clean: () => unknown): void {
  const known = cleanups.get(t);
  if (known !== undefined) return void known.push(clean);
  const list = [clean];
  cleanups.set(t, list);
  t.after(async () => {
    for (const each of list.toReversed()) await each();
  });
}

/** A directory that is gone after the test. Anybody may enter it, so that a child of another user can. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "baton-sqlite-"));
  chmodSync(directory, 0o755);
  afterTest(t, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An open store that is closed after the test. */
export async function openStore(t: TestContext, path: string, clock: Clock = systemClock): Promise<SqliteStore> {
  const store = new SqliteStore({ path, synchronous: "full", clock, connectTimeout: 5000 });
  await store.open();
  afterTest(t, () => store.close());
  return store;
}

export function message(value: unknown, options: Partial<NewMessage> = {}): NewMessage {
  return { body: { codec: "json", data: JSON.stringify(value) }, delay: 0, priority: 0, ...options };
}

/** Receives without ending any lease. */
export async function receive(store: Store, queue: string, max: number): Promise<{ token: string; received: readonly Delivery[] }> {
  const token = tokens.next();
  const { received } = await store.exchange(queue, { settle: [], receive: { max, lease: 60_000, token }, crashLimit: 3 });
  return { token, received };
}

/** Receives and acks until nothing is ready; returns what it acked. */
export async function drain(store: Store, queue: string, max = 100): Promise<Delivery[]> {
  const drained: Delivery[] = [];
  for (;;) {
    const { token, received } = await receive(store, queue, max);
    if (received.length === 0) return drained;
    const settle = received.map(({ id }) => ({ id, token, kind: "ack" as const }));
    const { settled } = await store.exchange(queue, { settle, crashLimit: 3 });
    drained.push(...received.filter((_, i) => settled[i]));
  }
}

/** A clock that tells the time but whose timers never fire. */
export const timelessClock: Clock = { ...systemClock, after: () => () => {} };

/** Runs one of the roles in `child.ts`. */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly exited: Promise<number | NodeJS.Signals | null>;

  /** @param uid the user to run as; only root can choose. */
  constructor(t: TestContext, role: string, args: readonly string[], uid?: number) {
    const script = new URL("./child.ts", import.meta.url).pathname;
    this.#process = spawn(process.execPath, [script, role, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
    this.exited = new Promise((resolve) => this.#process.once("exit", (code, signal) => resolve(signal ?? code)));
    afterTest(t, () => this.kill());
  }

  /** The next line it prints. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the child ended (${await this.exited}) instead of printing a line`);
    return value;
  }

  /** Tells it to go on. */
  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.exited;
  }
}

/** Looks until `look` finds it: for what nothing announces. The test's timeout bounds it. */
export async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setImmediate(resolve));
}
