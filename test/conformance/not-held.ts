import type { Lease } from "../../src/store/store.ts";
import { LONG, SHORT } from "./bench.ts";
import type { Bench } from "./bench.ts";

/** Ways to have a lease that is not held: each prepares the queue and returns the lease. */
export const NOT_HELD: Readonly<Record<string, (bench: Bench) => Promise<Lease>>> = {
  "a token that was never used": async (bench) => {
    await bench.send();
    const { id } = await bench.takeOne();
    return { id, token: bench.tokens.next() };
  },
  "an empty token": async (bench) => {
    await bench.send();
    const { id } = await bench.takeOne();
    return { id, token: "" };
  },
  "a token that is the beginning of the right one": async (bench) => {
    await bench.send();
    const { id, token } = await bench.takeOne();
    return { id, token: token.slice(0, -1) };
  },
  "a token that differs in case": async (bench) => {
    await bench.send();
    const { id, token } = await bench.takeOne();
    // At least one of twelve random characters is a letter, but for one in a million.
    return { id, token: token.toUpperCase() };
  },
  "the token of another message": async (bench) => {
    await bench.sendMany(2);
    const first = await bench.takeOne();
    const second = await bench.takeOne();
    return { id: first.id, token: second.token };
  },
  "an id that is unknown": async (bench) => {
    await bench.send();
    const { token } = await bench.takeOne();
    return { id: "0000000000000zzzzz", token };
  },
  "the id of another sequence with the same tail": async (bench) => {
    await bench.send();
    const { id, token } = await bench.takeOne();
    return { id: `0000000000001${id.slice(13)}`, token };
  },
  "the id of the same sequence with another tail": async (bench) => {
    await bench.send();
    const { id, token } = await bench.takeOne();
    return { id: `${id.slice(0, 13)}-----`, token };
  },
  "an id that is empty": async (bench) => {
    await bench.send();
    const { token } = await bench.takeOne();
    return { id: "", token };
  },
  "an id that is none": async (bench) => {
    await bench.send();
    const { id, token } = await bench.takeOne();
    return { id: `${id} `, token };
  },
  "a message that is ready and was never received": async (bench) => {
    const id = await bench.send();
    return { id, token: "" };
  },
  "a message that is delayed and was never received": async (bench) => {
    const id = await bench.send({ delay: LONG });
    return { id, token: "" };
  },
  "a lease that was acked": async (bench) => {
    await bench.sendMany(2);
    const held = await bench.takeOne();
    await bench.ack(held);
    return held;
  },
  "a lease that was retried": async (bench) => {
    await bench.send();
    const held = await bench.takeOne();
    await bench.retry(held);
    return held;
  },
  "a lease that was retried with a delay": async (bench) => {
    await bench.send();
    const held = await bench.takeOne();
    await bench.retry(held, LONG);
    return held;
  },
  "a lease that was released": async (bench) => {
    await bench.send();
    const held = await bench.takeOne();
    await bench.release(held);
    return held;
  },
  "a lease whose message was given up": async (bench) => {
    await bench.send();
    const held = await bench.takeOne();
    await bench.bury(held);
    return held;
  },
  "a lease that was released, and the message received again": async (bench) => {
    await bench.send();
    const held = await bench.takeOne();
    await bench.release(held);
    await bench.takeOne();
    return held;
  },
  "a lease that ran out and was healed away": async (bench) => {
    await bench.send();
    const held = await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    await bench.exchange();
    return held;
  },
  "a lease that ran out once too often": async (bench) => {
    await bench.send();
    const held = await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    await bench.exchange({ crashLimit: 1 });
    return held;
  },
  "a lease that ran out, and the message received again": async (bench) => {
    await bench.send();
    const held = await bench.takeOne({ lease: SHORT });
    await bench.outlast();
    await bench.takeOne();
    return held;
  },
  "a lease of a message of another queue": async (bench) => {
    await bench.send();
    const receive = bench.asking();
    const elsewhere = `${bench.queue}-elsewhere`;
    await bench.store.send(elsewhere, [{ body: { codec: "json", data: "1" }, delay: 0, priority: 0 }]);
    const { received } = await bench.store.exchange(elsewhere, { settle: [], receive, crashLimit: 3 });
    return { id: received[0]?.id ?? "", token: receive.token };
  },
};
