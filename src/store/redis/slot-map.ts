import { StoreError } from "../../core/errors.ts";
import { messageOf } from "./errors.ts";
import { ask } from "./sentinel.ts";
import { SLOTS } from "./slots.ts";
import type { Address, RedisTarget } from "./url.ts";

/** Milliseconds one node may take to say how the slots lie. */
const ASK_TIMEOUT_MS = 1500;
const ASKED_AT_ONCE = 2;

/** No node told how the slots lie, so nothing was sent. */
export class NoMapError extends Error {}

/** Which master has which slot, as far as is known. */
export class SlotMap {
  readonly #target: RedisTarget;
  readonly #owners: (Address | undefined)[] = Array.from<undefined>({ length: SLOTS });
  /** Nodes heard of, by `host:port`; asked before those of the URL. */
  #known = new Map<string, Address>();
  #stale = true;
  #loading: Promise<void> | undefined;

  constructor(target: RedisTarget) {
    this.#target = target;
  }

  /** @throws NoMapError if no node tells; the caller tries again. */
  async ownerOf(slot: number): Promise<Address> {
    if (this.#stale || this.#owners[slot] === undefined) await this.load(ASK_TIMEOUT_MS);
    const owner = this.#owners[slot];
    if (owner === undefined) throw new NoMapError(`nobody has slot ${slot}`);
    return owner;
  }

  /** A node said whose the slot is now. */
  moved(slot: number, owner: Address): void {
    this.#owners[slot] = owner;
    this.#stale = true;
  }

  /** Something does not fit: ask anew before the next use. */
  doubt(): void {
    this.#stale = true;
  }

  /**
   * Asks the nodes, two at once, until one answers.
   *
   * @throws StoreError `BATON_STORE_UNSUPPORTED` if they are no cluster, `BATON_STORE_DENIED` if they refuse the login.
   */
  load(timeout: number): Promise<void> {
    this.#loading ??= this.#load(timeout).finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #load(timeout: number): Promise<void> {
    const nodes = new Map([...this.#known, ...this.#target.addresses.map((address) => [nameOf(address), address] as const)]);
    // In random order, so that after a failover not all processes ask the same one.
    const order = [...nodes.values()].map((node) => ({ node, at: Math.random() })).toSorted((a, b) => a.at - b.at);
    const errors: unknown[] = [];
    for (let i = 0; i < order.length; i += ASKED_AT_ONCE) {
      try {
        await Promise.any(order.slice(i, i + ASKED_AT_ONCE).map(({ node }) => this.#loadFrom(node, timeout)));
        return;
      } catch (error) {
        errors.push(...(error instanceof AggregateError ? (error.errors as unknown[]) : [error]));
      }
    }
    throw errors.find((one) => one instanceof StoreError) ?? new NoMapError(errors.map(messageOf).join("; "));
  }

  async #loadFrom(node: Address, timeout: number): Promise<void> {
    const reply = await ask(node, this.#target, ["CLUSTER", "SLOTS"], timeout).catch((error: unknown) => {
      if (!/cluster support disabled/i.test(messageOf(error))) throw error;
      throw new StoreError("BATON_STORE_UNSUPPORTED", `${nameOf(node)} is no cluster's node. Use redis://${nameOf(node)} for a single server.`);
    });
    if (!Array.isArray(reply) || reply.length === 0) throw new Error(`${nameOf(node)} knows no slots`);
    const known = new Map<string, Address>();
    for (const range of reply as readonly (readonly unknown[])[]) {
      const [from, to, ...members] = range;
      const addresses = members.map((member) => addressOf(member, node));
      for (const address of addresses) known.set(nameOf(address), address);
      for (let slot = Number(from); slot <= Number(to); slot += 1) this.#owners[slot] = addresses[0];
    }
    this.#known = known;
    this.#stale = false;
  }
}

/** `host:port`. */
export function nameOf({ host, port }: Address): string {
  return `${host}:${port}`;
}

/** `[host, port, …]`; a node that does not know its own name leaves it out. */
function addressOf(member: unknown, asked: Address): Address {
  const [host, port] = Array.isArray(member) ? (member as readonly unknown[]) : [];
  return { host: typeof host === "string" && host !== "" && host !== "?" ? host : asked.host, port: Number(port) };
}
