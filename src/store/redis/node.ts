import { type Client, dial } from "./client.ts";
import { loadScripts } from "./calls.ts";
import type { Address, RedisTarget } from "./url.ts";
import { Watchdog } from "./watchdog.ts";

export interface NodeOptions {
  readonly address: Address;
  readonly target: RedisTarget;
  readonly silenceLimit: number;
  readonly signal: AbortSignal;
  /** The connection broke, or could not be made. The node is of no use any more; make another. */
  readonly onLost: (node: Node) => void;
}

const DIAL_TIMEOUT_MS = 2000;

/** No command was written: the node could not be reached. */
export class NeverLeftError extends Error {}

/** The connection to one master of a cluster. It does not mend itself: its slots may be elsewhere by then. */
export class Node {
  readonly #client: Promise<Client>;
  readonly #watchdog: Watchdog;
  #lost = false;
  readonly #onLost: () => void;

  constructor({ address, target, silenceLimit, signal, onLost }: NodeOptions) {
    this.#onLost = () => {
      if (this.#lost) return;
      this.#lost = true;
      onLost(this);
      this.close();
    };
    this.#watchdog = new Watchdog(silenceLimit, this.#onLost);
    this.#client = this.#dial(address, target, signal);
    this.#client.catch(this.#onLost);
  }

  /** Sends commands back to back, so that nothing comes between them; resolves with the last one's reply. */
  async send(commands: readonly (readonly string[])[]): Promise<unknown> {
    const client = await this.#client.catch((error: unknown) => {
      throw new NeverLeftError("the node could not be reached", { cause: error });
    });
    if (this.#lost) throw new NeverLeftError("the connection broke");
    const calls = commands.map((args) => client.sendCommand(args));
    for (const call of calls) call.catch(() => {});
    return this.#watchdog.watch(calls.at(-1) ?? Promise.resolve());
  }

  close(): void {
    this.#lost = true;
    this.#watchdog.stop();
    this.#client.then(
      (client) => client.destroy(),
      () => {},
    );
  }

  async #dial(address: Address, target: RedisTarget, signal: AbortSignal): Promise<Client> {
    const client = await dial({ address, target, timeout: DIAL_TIMEOUT_MS, signal, onLost: this.#onLost });
    await this.#watchdog.watch(loadScripts(client));
    return client;
  }
}
