import { connect } from "../../index.ts";
import { type Chunk, chunkSizeFor, cut, findFiles } from "./chunks.ts";
import { EventLog, machineTime } from "./event-log.ts";

/*
 * The demo's producer, a process of its own: sends all chunks, then, when told, probes one at a time for the pick-up latency.
 *
 * argv: store, queue, folder, log, number of probes
 */
const [store = "", name = "", folder = "", log = "", probes = "0"] = process.argv.slice(2);
const IN_FLIGHT = 200;
const BETWEEN_PROBES_MS = 5;

const events = new EventLog(log);
await using baton = await connect(store);
const queue = baton.queue<Chunk>(name);

async function send(chunk: Chunk): Promise<void> {
  const called = machineTime();
  const { id } = await queue.send(chunk);
  events.write({ e: "sent", id, n: chunk.n, called, returned: machineTime() });
}

const files = findFiles(folder);
let sending: Promise<void>[] = [];
for (const chunk of cut(folder, files, chunkSizeFor(files))) {
  sending.push(send(chunk));
  if (sending.length === IN_FLIGHT) {
    await Promise.all(sending);
    sending = [];
  }
}
await Promise.all(sending);
process.send?.("sent");

await new Promise((resolve) => process.once("message", resolve));
for (let i = 0; i < Number(probes); i += 1) {
  // Probes count down from -1, so that they are told from chunks.
  await send({ n: -1 - i, path: "", data: "" });
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_PROBES_MS));
}
process.send?.("probed");
process.disconnect?.();
