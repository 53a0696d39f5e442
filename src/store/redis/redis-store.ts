import { ErrorReply } from "@redis/client";
import type { Clock } from "../../core/clock.ts";
import { ClosedError, StoreError } from "../../core/errors.ts";
import { makeId, newTail, randomText } from "../../core/ids.ts";
import type { State } from "../../core/state.ts";
import type {
  Counts,
  Delivery,
  ExchangeReply,
  ExchangeRequest,
  Lease,
  ListRequest,
  NewMessage,
  Page,
  Settlement,
  Store,
  StoreInfo,
  StoredMessage,
} from "../store.ts";
import { Connection, type Repeat } from "./connection.ts";
import { fromReply, isNoScript } from "./errors.ts";
import { inspectServer } from "./inspect.ts";
import { nudgeKey, partitionKeys, registryKey } from "./keys.ts";
import { decodeRecord, encodeRecord } from "./record.ts";
import { type Script, scripts } from "./scripts.ts";
import { parseRedisUrl, type RedisTarget } from "./url.ts";
import { WakeLoop } from "./wake.ts";

export interface RedisStoreOptions {
  /** See parseRedisUrl. */
  readonly url: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** Unused for what is stored: that goes by the server's clock. */
  readonly clock: Clock;
  /** Milliseconds the first connect may take. */
  readonly connectTimeout: number;
}

/** Milliseconds of silence after which a connection counts as dead. The wake-up connection's commands block for five seconds. */
const SILENCE_LIMIT_MS = 10_000;

/**
 * Opens the Redis engine: one connection for commands, one for wake-ups.
 *
 * @throws UsageError `BATON_STORE_URL_INVALID`
 * @throws StoreUnreachableError, or StoreError `BATON_STORE_DENIED` or `BATON_STORE_UNSUPPORTED`
 */
export async function openRedisStore({ url, prefix, connectTimeout }: RedisStoreOptions): Promise<Store> {
  const target = parseRedisUrl(url);
  const listeners = new Set<(lost: Error | undefined) => void>();
  const shared = { target, connectTimeout, silenceLimit: SILENCE_LIMIT_MS };
  const commands = await Connection.open({
    ...shared,
    onAvailability: (lost) => {
      for (const listener of listeners) listener(lost);
    },
  });
  let wake: WakeLoop | undefined;
  try {
    await inspectServer(commands, target);
    const wakeUps = await Connection.open({
      ...shared,
      onInvalidate: (key) => wake?.invalidate(key),
      onAvailability: (lost) => {
        if (lost === undefined) wake?.reset();
      },
    });
    const key = nudgeKey(prefix, randomText(12));
    wake = new WakeLoop(wakeUps, prefix, key, async () => {
      // The blocked command takes the push at once; the time to live is for the case that the process dies in between.
      await Promise.all([commands.send(["RPUSH", key, "1"], "once"), commands.send(["PEXPIRE", key, "10000"], "once")]);
    });
    return new RedisStore(target, prefix, commands, wakeUps, wake, listeners);
  } catch (error) {
    await commands.close();
    throw error;
  }
}

class RedisStore implements Store {
  readonly #target: RedisTarget;
  readonly #prefix: string;
  readonly #commands: Connection;
  readonly #wakeUps: Connection;
  readonly #wake: WakeLoop;
  readonly #listeners: Set<(lost: Error | undefined) => void>;
  /** Partitions whose names are in the registry for certain. */
  readonly #registered = new Map<string, Promise<void>>();
  #closed = false;

  constructor(
    target: RedisTarget,
    prefix: string,
    commands: Connection,
    wakeUps: Connection,
    wake: WakeLoop,
    listeners: Set<(lost: Error | undefined) => void>,
  ) {
    this.#target = target;
    this.#prefix = prefix;
    this.#commands = commands;
    this.#wakeUps = wakeUps;
    this.#wake = wake;
    this.#listeners = listeners;
  }

  async send(queue: string, messages: readonly NewMessage[]): Promise<readonly string[]> {
    await this.#register(queue);
    const { messages: records, ready, ranked, delayed, wake, meta } = partitionKeys(this.#prefix, queue);
    const tail = newTail();
    const special: string[] = [];
    const bodies: string[] = [];
    for (const message of messages) {
      bodies.push(encodeRecord(message));
      if (message.delay > 0 || message.priority > 0) {
        special.push(String(bodies.length), String(message.delay), String(message.priority));
      }
    }
    const first = Number(
      await this.#run(
        scripts.send,
        [records, ready, ranked, delayed, wake, meta],
        [tail, String(special.length / 3), ...special, ...bodies],
        "once",
        `the send to queue "${queue}"`,
      ),
    );
    return messages.map((_, i) => makeId(first + i, tail));
  }

  async exchange(queue: string, { settle, receive, crashLimit }: ExchangeRequest): Promise<ExchangeReply> {
    await this.#register(queue);
    const keys = partitionKeys(this.#prefix, queue);
    const acks: string[] = [];
    const others: string[] = [];
    // The script takes acks first; where each settlement's answer will stand.
    const ackPlaces: number[] = [];
    const otherPlaces: number[] = [];
    settle.forEach((settlement, place) => {
      if (settlement.kind === "ack") {
        acks.push(leaseMember(settlement));
        ackPlaces.push(place);
      } else {
        others.push(leaseMember(settlement), ...settlementArgs(settlement));
        otherPlaces.push(place);
      }
    });
    const reply = asArray(
      await this.#run(
        scripts.exchange,
        [keys.messages, keys.ready, keys.ranked, keys.delayed, keys.leases, keys.dead, keys.inbox, keys.wake, keys.meta],
        [
          String(crashLimit),
          String(receive?.max ?? 0),
          String(receive?.lease ?? 0),
          receive?.token ?? "",
          newTail(),
          String(acks.length),
          String(otherPlaces.length),
          ...acks,
          ...others,
        ],
        "once",
        `the exchange with queue "${queue}"`,
      ),
    );
    const [held, more, due] = reply;
    const settled = Array.from<boolean>({ length: settle.length }).fill(true);
    if (held !== "") [...ackPlaces, ...otherPlaces].forEach((place, i) => (settled[place] = String(held)[i] === "1"));
    const received: Delivery[] = [];
    for (let i = 3; i + 1 < reply.length; i += 2) received.push(decodeRecord(String(reply[i]), String(reply[i + 1])));
    return { settled, received, more: more === 1, nextDue: Number(due) < 0 ? undefined : Number(due) };
  }

  async extend(queue: string, leases: readonly Lease[], ms: number): Promise<readonly boolean[]> {
    const held = await this.#run(
      scripts.extend,
      [partitionKeys(this.#prefix, queue).leases],
      [String(ms), ...leases.map(leaseMember)],
      "repeatable",
      `extending leases in queue "${queue}"`,
    );
    return leases.map((_, i) => held === "" || String(held)[i] === "1");
  }

  wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    return this.#wake.wait(queue, timeout, signal);
  }

  async get(queue: string, ids: readonly string[]): Promise<readonly (StoredMessage | undefined)[]> {
    const reply = asArray(await this.#read(scripts.get, queue, ids, `looking up messages in queue "${queue}"`));
    return ids.map((id, i) => {
      const found = reply[i];
      if (!Array.isArray(found)) return undefined;
      const [record, state, at, token] = found.map(String);
      return toStored(id, record ?? "", state as State, Number(at), token);
    });
  }

  async list(queue: string, { state, limit, cursor }: ListRequest): Promise<Page> {
    const cut = cursor?.indexOf("|") ?? -1;
    const after = cursor === undefined ? ["", ""] : [cursor.slice(0, cut), cursor.slice(cut + 1)];
    const [score, member, ...rows] = asArray(
      await this.#read(scripts.list, queue, [state, String(limit), ...after], `listing queue "${queue}"`),
    );
    const messages: StoredMessage[] = [];
    for (let i = 0; i + 2 < rows.length; i += 3) {
      const [name, at, record] = [String(rows[i]), Number(rows[i + 1]), rows[i + 2]];
      if (typeof record === "string") messages.push(toStored(name.slice(0, 18), record, state, at, name.slice(19)));
    }
    return { messages, next: member === "" ? undefined : `${String(score)}|${String(member)}` };
  }

  async counts(queue: string): Promise<Counts> {
    const { ready, ranked, delayed, leases, dead, inbox } = partitionKeys(this.#prefix, queue);
    const keys = [ready, ranked, delayed, leases, dead, inbox];
    const reply = asArray(await this.#run(scripts.counts, keys, [], "repeatable", `counting queue "${queue}"`));
    return { ready: Number(reply[0]), delayed: Number(reply[1]), active: Number(reply[2]), dead: Number(reply[3]) };
  }

  async queues(): Promise<readonly string[]> {
    const names = await this.#mapped(
      this.#commands.send(["SMEMBERS", registryKey(this.#prefix)], "repeatable"),
      "listing the queues",
    );
    // RESP3 has a type for sets.
    return [...(names instanceof Set ? names : asArray(names))].map(String).toSorted();
  }

  inspect(): Promise<StoreInfo> {
    return inspectServer(this.#commands, this.#target);
  }

  onAvailability(listener: (lost: Error | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#commands.close(), this.#wakeUps.close()]);
    await this.#wake.close();
  }

  /** Notes the partition's name, once a process. It lives in another slot than the partition, so no script can do it. */
  #register(queue: string): Promise<void> {
    if (this.#closed) return Promise.reject(new ClosedError("This connection was closed."));
    let done = this.#registered.get(queue);
    if (done === undefined) {
      const added = this.#commands.send(["SADD", registryKey(this.#prefix), queue], "repeatable");
      done = this.#mapped(added, `noting the queue "${queue}"`).then(
        () => {},
        (error: unknown) => {
          this.#registered.delete(queue);
          // When memory is full the name can wait, but the queue must go on draining.
          if (!(error instanceof StoreError && error.code === "BATON_STORE_FULL")) throw error;
        },
      );
      this.#registered.set(queue, done);
    }
    return done;
  }

  #read(script: Script, queue: string, args: readonly string[], what: string): Promise<unknown> {
    const { messages, ready, ranked, delayed, leases, dead } = partitionKeys(this.#prefix, queue);
    return this.#run(script, [messages, ready, ranked, delayed, leases, dead], args, "repeatable", what);
  }

  #run(script: Script, keys: readonly string[], args: readonly string[], repeat: Repeat, what: string): Promise<unknown> {
    return this.#mapped(this.#evaluate(script, keys, args, repeat), what);
  }

  async #evaluate(script: Script, keys: readonly string[], args: readonly string[], repeat: Repeat): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#commands.send(["EVALSHA", script.sha, ...rest], repeat);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      // The server restarted, failed over or was flushed: the registry of names may be gone as well.
      this.#registered.clear();
      return this.#commands.send(["EVAL", script.source, ...rest], repeat);
    }
  }

  async #mapped(call: Promise<unknown>, what: string): Promise<unknown> {
    try {
      return await call;
    } catch (error) {
      throw error instanceof ErrorReply ? fromReply(error, what, this.#target.display) : error;
    }
  }
}

function leaseMember({ id, token }: Lease): string {
  return `${id}:${token}`;
}

function settlementArgs(settlement: Exclude<Settlement, { kind: "ack" }>): [string, string, string, string] {
  const error = "error" in settlement && settlement.error !== undefined ? JSON.stringify(settlement.error) : "";
  return settlement.kind === "dead"
    ? ["dead", "0", settlement.reason, error]
    : [settlement.kind, String(settlement.delay), "", error];
}

function toStored(id: string, record: string, state: State, at: number, token: string | undefined): StoredMessage {
  const message = { ...decodeRecord(id, record), state };
  if (state === "delayed") return { ...message, dueAt: at };
  if (state === "active") return { ...message, leaseExpiresAt: at, token: token ?? "" };
  if (state === "dead") return { ...message, diedAt: at };
  return message;
}

function asArray(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError(`A script replied ${typeof reply} where an array was due.`);
  return reply;
}
