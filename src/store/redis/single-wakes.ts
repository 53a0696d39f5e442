import { randomText } from "../../core/ids.ts";
import { Connection, type Line } from "./connection.ts";
import { nudgeKey } from "./keys.ts";
import type { Address, RedisTarget } from "./url.ts";
import { WakeLoop, type Waker, wakeHost } from "./wake.ts";

export interface SingleWakesOptions {
  readonly target: RedisTarget;
  readonly locate: (timeout: number) => Promise<Address>;
  /** The connection for commands. */
  readonly line: Line;
  readonly prefix: string;
  readonly connectTimeout: number;
  readonly silenceLimit: number;
  /** Called when the store was emptied. */
  readonly onFlush: () => void;
}

/** One connection for the wake-ups of all queues: a server that is no cluster. */
export class SingleWakes implements Waker {
  readonly #connection: Connection;
  readonly #loop: WakeLoop;

  private constructor(connection: Connection, loop: WakeLoop) {
    this.#connection = connection;
    this.#loop = loop;
  }

  static async open({ line, prefix, onFlush, ...options }: SingleWakesOptions): Promise<SingleWakes> {
    // The connection can tell something only once there is a loop to tell.
    const late: { loop?: WakeLoop } = {};
    const connection = await Connection.open({
      ...options,
      onInvalidate: (key) => {
        if (key === undefined) onFlush();
        late.loop?.invalidate(key);
      },
      onAvailability: (lost) => {
        if (lost === undefined) late.loop?.reset();
      },
    });
    const loop = new WakeLoop(connection, wakeHost(line, prefix, nudgeKey(prefix, randomText(12))));
    late.loop = loop;
    return new SingleWakes(connection, loop);
  }

  wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    return this.#loop.wait(queue, timeout, signal);
  }

  async close(): Promise<void> {
    const ended = this.#loop.close();
    await this.#connection.close();
    await ended;
  }
}
