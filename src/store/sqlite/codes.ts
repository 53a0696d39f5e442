import type { Codec } from "../../core/codec.ts";
import type { DeadReason, State } from "../../core/state.ts";

/** A codec, state or reason is stored as its place in these. Append only. */
export const CODECS: readonly Codec[] = ["json", "base64", "raw"];
export const STATE_CODES: Readonly<Record<State, number>> = { ready: 0, delayed: 1, active: 2, dead: 3 };
export const REASONS: readonly DeadReason[] = ["failed", "crashed", "unreadable", "rejected"];

/** The codec with this number. One that is not known gets its number as a name, so that decoding refuses that message only. */
export function codecOf(code: number): Codec {
  return CODECS[code] ?? (String(code) as Codec);
}
