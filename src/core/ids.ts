import { randomBytes } from "node:crypto";

/*
 * A message's id is its place in the queue followed by a random tail:
 *
 *     660f98f0e8142  7f3k2
 *     sequence       tail
 *
 * The sequence is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): the larger of the store's
 * clock in microseconds and the last sequence plus one, as 13 hexadecimal digits. So ids sort by send order even when
 * the clock steps back, and tell when the message was sent. The tail, one for each call, keeps ids apart when a store
 * was rolled back (a failover, a restored backup) and hands out the same sequence again.
 */

/** Hexadecimal digits of the sequence; enough until the year 2112. */
export const SEQUENCE_DIGITS = 13;
/** Characters of the random tail. */
export const TAIL_LENGTH = 5;
/** Characters of a whole id. */
export const ID_LENGTH: number = SEQUENCE_DIGITS + TAIL_LENGTH;

const ID = /^[0-9a-f]{13}[0-9a-z]{5}$/;
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** `length` random characters from 0-9a-z. The bias of `byte % 36` (at most 1 in 7) costs less than half a bit a character. */
export function randomText(length: number): string {
  let text = "";
  for (const byte of randomBytes(length)) text += DIGITS[byte % DIGITS.length];
  return text;
}

/** A tail for the ids of one send call. */
export function newTail(): string {
  return randomText(TAIL_LENGTH);
}

/** The id with this sequence and tail. */
export function makeId(sequence: number, tail: string): string {
  return sequence.toString(16).padStart(SEQUENCE_DIGITS, "0") + tail;
}

/** Whether a text has the form of an id. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** The sequence in an id. */
export function sequenceOf(id: string): number {
  return Number.parseInt(id.slice(0, SEQUENCE_DIGITS), 16);
}

/** When the message with this id was sent, in milliseconds since the Unix epoch, by the store's clock. */
export function sentAtOf(id: string): number {
  return Math.floor(sequenceOf(id) / 1000);
}

/**
 * Makes lease tokens: a random prefix for this process's connection, a dot, and a counter that never goes back. The
 * client makes them, not the store, so they never repeat, whatever happens to the store.
 */
export class TokenSource {
  /** The part all tokens of this source share; names the holder. */
  readonly holder: string = randomText(12);
  #count = 0;

  next(): string {
    this.#count += 1;
    return `${this.holder}.${this.#count.toString(36)}`;
  }
}
