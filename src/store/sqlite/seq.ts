import { SEQUENCE_DIGITS, sequenceOf } from "../../core/ids.ts";

const SEQUENCE = /^[0-9a-f]{13}/;

/** The sequence in an id; NaN, which finds no message, for what has none as Baton writes it. */
export function seqOf(id: string): number {
  return SEQUENCE.test(id) ? sequenceOf(id) : Number.NaN;
}

/** What follows the sequence in an id. */
export function tailOf(id: string): string {
  return id.slice(SEQUENCE_DIGITS);
}
