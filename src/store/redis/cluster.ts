import { ErrorReply } from "@redis/client";
import { fullJitter } from "../../core/backoff.ts";
import { ClosedError, StoreError, StoreUnreachableError } from "../../core/errors.ts";
import { type Line, type Repeat, RECONNECT_BASE_MS, unknownOutcome } from "./connection.ts";
import { isMisplaced, isPassing, messageOf } from "./errors.ts";
import { NeverLeftError, Node } from "./node.ts";
import { pause } from "./pause.ts";
import { nameOf, NoMapError, SlotMap } from "./slot-map.ts";
import { slotOf } from "./slots.ts";
import type { Address, RedisTarget } from "./url.ts";

export interface ClusterOptions {
  readonly target: RedisTarget;
  readonly connectTimeout: number;
  readonly silenceLimit: number;
  readonly onAvailability: (lost: Error | undefined) => void;
}

/** A failover takes seconds; this often it is asked whether it is over. */
const RETRY_CAP_MS = 500;
const REDIRECT = /^(MOVED|ASK) (\d+) (.*):(\d+)$/;

interface Call {
  readonly args: readonly string[];
  readonly repeat: Repeat;
  readonly slot: number;
}

/** What came of one try: a reply, or that there must be another, after a while unless `at` says where. */
type Outcome = { readonly reply: unknown } | { readonly again: unknown; readonly at?: Address };

/**
 * Sends each command to the master that has its key's slot, over one connection to each. Follows moved slots, and waits
 * while a slot migrates or a replica is being promoted.
 *
 * A call that must be tried again holds up those of its slot that come after it, so that they keep their order.
 */
export class Cluster implements Line {
  readonly #options: ClusterOptions;
  readonly #map: SlotMap;
  readonly #nodes = new Map<string, Node>();
  /** Slots with calls that are tried again: the end of the last of them. */
  readonly #held = new Map<number, Promise<void>>();
  readonly #stop = new AbortController();
  #lost = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#map = new SlotMap(options.target);
  }

  /** @throws StoreUnreachableError, or StoreError `BATON_STORE_DENIED` or `BATON_STORE_UNSUPPORTED`. */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    const deadline = performance.now() + options.connectTimeout;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await cluster.#map.load(Math.max(1, deadline - performance.now()));
        return cluster;
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const wait = fullJitter(attempt, RECONNECT_BASE_MS, RETRY_CAP_MS);
        if (performance.now() + wait < deadline) await pause(wait, cluster.#stop.signal);
        else {
          throw new StoreUnreachableError(
            `${options.target.display} did not answer within ${options.connectTimeout} ms: ${messageOf(error)}. Check that the cluster's nodes run, and their hosts and ports.`,
            { cause: error },
          );
        }
      }
    }
  }

  /** Asks anew which master has the key. */
  async locate(key: string, timeout: number): Promise<Address> {
    await this.#map.load(timeout);
    return this.#map.ownerOf(slotOf(key));
  }

  async send(args: readonly string[], repeat: Repeat, key: string): Promise<unknown> {
    const call = { args, repeat, slot: slotOf(key) };
    if (this.#held.has(call.slot)) return this.#inTurn(call);
    const outcome = await this.#try(call);
    return "reply" in outcome ? outcome.reply : this.#inTurn(call, outcome);
  }

  close(): Promise<void> {
    this.#stop.abort();
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
    return Promise.resolve();
  }

  /** Tries until there is a reply, when the calls of this slot that came before have theirs. */
  async #inTurn(call: Call, first?: Outcome): Promise<unknown> {
    const before = this.#held.get(call.slot);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#held.set(call.slot, ended);
    try {
      await before;
      let outcome = first ?? (await this.#try(call));
      for (let attempt = 0; !("reply" in outcome); attempt += 1) {
        if (outcome.at === undefined || attempt > 5) {
          await pause(fullJitter(attempt, RECONNECT_BASE_MS, RETRY_CAP_MS), this.#stop.signal);
        }
        outcome = await this.#try(call, outcome.at);
      }
      return outcome.reply;
    } finally {
      if (this.#held.get(call.slot) === ended) this.#held.delete(call.slot);
      resolve();
    }
  }

  /** @param asking the node that a slot is migrating to, if it is to be asked in spite of that. */
  async #try({ args, repeat, slot }: Call, asking?: Address): Promise<Outcome> {
    if (this.#stop.signal.aborted) throw closed();
    try {
      const node = this.#node(asking ?? (await this.#map.ownerOf(slot)));
      const reply = await node.send(asking === undefined ? [args] : [["ASKING"], args]);
      this.#available(undefined);
      return { reply };
    } catch (error) {
      if (this.#stop.signal.aborted) throw closed();
      if (error instanceof ErrorReply) return this.#refused(error, slot);
      if (error instanceof StoreError) throw error;
      this.#map.doubt();
      this.#available(error instanceof Error ? error : new Error(String(error)));
      // What no node was found for, or was never written, was not done.
      if (repeat === "once" && !(error instanceof NeverLeftError) && !(error instanceof NoMapError)) {
        throw unknownOutcome(this.#options.target.display, error);
      }
      return { again: error };
    }
  }

  #refused(error: ErrorReply, slot: number): Outcome {
    const redirect = REDIRECT.exec(error.message);
    if (redirect !== null) {
      const [, kind, , host = "", port] = redirect;
      const at = { host: host === "" ? this.#options.target.addresses[0].host : host, port: Number(port) };
      if (kind === "ASK") return { again: error, at };
      this.#map.moved(slot, at);
      return { again: error };
    }
    if (!isPassing(error) && !isMisplaced(error)) throw error;
    this.#map.doubt();
    return { again: error };
  }

  #node(address: Address): Node {
    const name = nameOf(address);
    let node = this.#nodes.get(name);
    if (node === undefined) {
      const { target, silenceLimit } = this.#options;
      const onLost = (lost: Node): void => {
        if (this.#nodes.get(name) === lost) this.#nodes.delete(name);
        this.#map.doubt();
      };
      node = new Node({ address, target, silenceLimit, signal: this.#stop.signal, onLost });
      this.#nodes.set(name, node);
    }
    return node;
  }

  #available(lost: Error | undefined): void {
    if (this.#lost === (lost !== undefined)) return;
    this.#lost = lost !== undefined;
    this.#options.onAvailability(lost);
  }
}

function closed(): ClosedError {
  return new ClosedError("This connection was closed.");
}
