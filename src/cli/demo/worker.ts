import { connect, LeaseLostError } from "../../index.ts";
import { type Chunk, digest } from "./chunks.ts";
import { EventLog, machineTime } from "./event-log.ts";

/*
 * One of the demo's workers, a process of its own: computes each chunk's SHA-256 and byte count, until it is told to stop.
 *
 * argv: store, queue, log, lease in ms, and the message at which it stops short and asks to be killed (0: none)
 */
const [store = "", name = "", log = "", lease = "", holdAt = "0"] = process.argv.slice(2);
const CONCURRENCY = 8;

const events = new EventLog(log);
await using baton = await connect(store);
let count = 0;

const worker = baton.queue<Chunk>(name).work(
  async (message) => {
    const { id, body } = message;
    events.write({ e: "got", id, n: body.n, again: message.crashes + message.failures > 0, t: machineTime() });
    count += 1;
    if (count === Number(holdAt)) {
      process.send?.("holding");
      await new Promise(() => {});
    }
    events.write({ e: "handled", id, n: body.n, ...digest(body) });
    try {
      await message.ack();
      events.write({ e: "acked", id, n: body.n, t: machineTime() });
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
      events.write({ e: "refused", id, n: body.n });
    }
  },
  { concurrency: CONCURRENCY, lease: Number(lease) },
);

process.once("message", () => void worker.stop());
// Without the parent there is nobody to tell it to stop.
process.once("disconnect", () => void worker.stop({ grace: 0 }));
process.send?.("ready");
await worker.stopped;
process.disconnect?.();
