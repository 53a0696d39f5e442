import type { Duration } from "../core/duration.ts";
import { LeaseLostError } from "../core/errors.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { Message } from "./message.ts";

export interface ConsumeOptions {
  /** How long a lease lasts; default 30 seconds. Extended while the loop's body works on the message. */
  readonly lease?: Duration;
  /** Ends the loop. */
  readonly signal?: AbortSignal;
}

/** The generator behind `queue.consume`. */
export async function* consume<T>(
  receive: (signal: AbortSignal) => Promise<Message<T>[]>,
  keeper: LeaseKeeper,
  lease: number,
  signal: AbortSignal,
): AsyncGenerator<Message<T>, void, void> {
  while (!signal.aborted) {
    let messages: Message<T>[];
    try {
      messages = await receive(signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    for (const message of messages) {
      if (signal.aborted) {
        await giveBack(message);
        continue;
      }
      keeper.keep(message, lease);
      let left = true;
      try {
        yield message;
        left = false;
      } finally {
        keeper.drop(message);
        // The loop was left by break, return or throw: give the message back, unless it was settled.
        if (left && message.outcome === undefined) await giveBack(message);
      }
    }
  }
}

async function giveBack(message: Message<unknown>): Promise<void> {
  try {
    await message.release();
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
  }
}
