/** A reply that is an array, as all scripts but `send` and `extend` give. */
export function asArray(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError(`A script replied ${typeof reply} where an array was due.`);
  return reply;
}
