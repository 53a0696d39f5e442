/**
 * Where a message is. It is in exactly one of these; `docs/state-machine.md` draws the transitions.
 *
 * - `ready`: waiting to be received.
 * - `delayed`: not to be received before a time.
 * - `active`: leased to a holder.
 * - `dead`: given up on, with a reason; kept until someone decides.
 *
 * A message that was acked leaves the store.
 */
export type State = "ready" | "delayed" | "active" | "dead";

export const STATES: readonly State[] = ["ready", "delayed", "active", "dead"];

/**
 * Why a message is dead.
 *
 * - `failed`: its handler failed as often as allowed.
 * - `crashed`: its holders vanished as often as allowed.
 * - `unreadable`: its body could not be decoded, or was refused by the queue's schema.
 * - `rejected`: a holder asked for it.
 */
export type DeadReason = "failed" | "crashed" | "unreadable" | "rejected";

/** What went wrong, as text: errors themselves can't be stored. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

/** Longest text kept of an error's message and of its stack, in characters. */
const LONGEST_ERROR_TEXT = 2000;

/** The name, message and stack of whatever was thrown, cut to 2,000 characters each. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  if (!(thrown instanceof Error)) return { name: "Error", message: storable(String(thrown)) };
  const { name, message, stack } = thrown;
  return { name: storable(name), message: storable(message), ...(stack === undefined ? {} : { stack: storable(stack) }) };
}

/** Half a surrogate pair, from the source or from the cut, could not be stored as UTF-8. */
function storable(text: string): string {
  return text.slice(0, LONGEST_ERROR_TEXT).toWellFormed();
}
