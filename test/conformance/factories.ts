import { createClient } from "@redis/client";
import { systemClock } from "../../src/core/clock.ts";
import { randomText } from "../../src/core/ids.ts";
import { partitionKeys } from "../../src/store/redis/keys.ts";
import { openRedisStore } from "../../src/store/redis/redis-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { RedisServer } from "../support/redis-server.ts";
import { tempDirectory } from "../support/temp.ts";
import type { Harness, StoreFactory } from "./harness.ts";
import { ModelData, ModelStore } from "./model-store.ts";

/** Milliseconds. */
const CONNECT_TIMEOUT = 10_000;
const NO_INBOX = "this engine has no inbox: a program without Baton can't send with one command";

export const sqliteFile: StoreFactory = {
  async open() {
    const directory = tempDirectory();
    const clock = new ManualClock();
    const path = directory.file("baton.db");
    const handle = (): Promise<Store> => openSqliteStore({ path, synchronous: "normal", clock, connectTimeout: CONNECT_TIMEOUT });
    return onClock(clock, handle, true, () => directory.remove());
  },
  lacks: { inbox: NO_INBOX },
};

export const sqliteMemory: StoreFactory = {
  async open() {
    const clock = new ManualClock();
    const handle = (): Promise<Store> =>
      openSqliteStore({ path: ":memory:", synchronous: "full", clock, connectTimeout: CONNECT_TIMEOUT });
    return onClock(clock, handle, false);
  },
  lacks: { another: "a database in memory has one handle: it lives and dies with it", inbox: NO_INBOX },
};

export const model: StoreFactory = {
  async open() {
    const clock = new ManualClock();
    const data = new ModelData(clock);
    return onClock(clock, async () => new ModelStore(data), true);
  },
  lacks: { inbox: NO_INBOX },
};

/** A store on a clock that is moved by hand. */
async function onClock(clock: ManualClock, open: () => Promise<Store>, several: boolean, remove?: () => void): Promise<Harness> {
  const handles: Store[] = [];
  const another = async (): Promise<Store> => {
    const store = await open();
    handles.push(store);
    return store;
  };
  const store = await another();
  return {
    store,
    ...(several ? { another } : {}),
    async pass(ms) {
      clock.advance(ms);
    },
    async now() {
      return clock.now();
    },
    async close() {
      await Promise.all(handles.map((handle) => handle.close()));
      remove?.();
    },
  };
}

/**
 * Stores on a server that is started for them and ended with the last.
 *
 * @param binary the server's program; default `redis-server`, or `valkey-server` if there is only that.
 */
export function redis(binary?: string): StoreFactory {
  let server: Promise<RedisServer> | undefined;
  let open = 0;
  const release = async (): Promise<void> => {
    open -= 1;
    if (open > 0) return;
    const ended = server;
    server = undefined;
    await (await ended)?.stop();
  };
  return {
    async open() {
      open += 1;
      server ??= RedisServer.start(binary === undefined ? {} : { binary });
      return onServer((await server).url, release);
    },
  };
}

async function onServer(url: string, release: () => Promise<void>): Promise<Harness> {
  const prefix = `test-${randomText(8)}`;
  const plain = createClient({ url });
  // What is wrong shows in the command's own rejection.
  plain.on("error", () => {});
  await plain.connect();
  const handles: Store[] = [];
  const another = async (): Promise<Store> => {
    const store = await openRedisStore({ url, prefix, clock: systemClock, connectTimeout: CONNECT_TIMEOUT });
    handles.push(store);
    return store;
  };
  const now = async (): Promise<number> => {
    const [seconds = 0, micros = 0] = (await plain.sendCommand<string[]>(["TIME"])).map(Number);
    return seconds * 1000 + Math.floor(micros / 1000);
  };
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await Promise.all(handles.map((handle) => handle.close()));
    plain.destroy();
    await release();
  };
  let store: Store;
  try {
    store = await another();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    store,
    another,
    async inbox(queue, bodies) {
      await plain.sendCommand(["RPUSH", partitionKeys(prefix, queue).inbox, ...bodies]);
    },
    async pass(ms) {
      const end = (await now()) + ms;
      while ((await now()) < end);
    },
    now,
    close,
  };
}
