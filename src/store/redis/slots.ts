export const SLOTS = 16_384;

/**
 * The hash slot of a key: CRC-16/XMODEM of its hash tag, as in the Redis Cluster specification.
 *
 * Baton's keys have one pair of braces with something in it, or none, so the rules for other braces don't matter.
 */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = key.indexOf("}", open + 1);
  const tag = open < 0 || close <= open + 1 ? key : key.slice(open + 1, close);
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc % SLOTS;
}
