import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { BatonError, type Message, type Queue, StoreUnavailableError } from "../../index.ts";
import { bodyField, bodyLine } from "../body.ts";
import { EXIT, Quit, signalExit, toError } from "../exit.ts";
import { Notes } from "../notes.ts";
import { addExamples, duration, type GlobalOptions, integer } from "../options.ts";
import { print, printJson } from "../output.ts";
import { StopSignal } from "../signals.ts";
import { withBaton } from "../store.ts";

interface ReceiveOptions extends GlobalOptions {
  readonly max: number;
  readonly wait?: number;
  readonly lease?: number;
  readonly ack: boolean;
}

/** How long a call under way may take once it should stop. */
const STOP_MS = 2000;
/** Pause after a call that the store's loss broke. */
const AGAIN_MS = 200;

export function receiveCommand(): Command {
  const command = new Command("receive")
    .description("receive messages, print their bodies, and ack them")
    .argument("<queue>", "the queue to receive from")
    .addOption(new Option("--max <n>", "at most this many messages, 1 to 1000").argParser(integer(1, 1000)).default(1))
    .addOption(new Option("--wait <duration>", "how long to wait for the first message (default: not at all)").argParser(duration))
    .addOption(new Option("--lease <duration>", "how long printing may take before others get the messages (default: 30s)").argParser(duration))
    .addOption(new Option("--no-ack", "give the messages back after printing; no attempt is burned, and they keep their places"))
    .action(async (queue: string, _options: unknown, self: Command) => receive(queue, self.optsWithGlobals<ReceiveOptions>()));
  return addExamples(
    command,
    [
      ["baton receive emails", "the next message's body"],
      ["baton receive emails --max 100 --wait 20s --json", "up to a hundred, waiting for the first"],
      ["baton receive emails --max 10 --no-ack", "look, and leave them there"],
      ["while body=$(baton receive emails --wait 1h); do echo \"got $body\"; done", "a loop in the shell (`baton work` is safer: it retries)"],
    ],
    ['With --json: an object for each message, one a line. Bytes are in "bodyBase64" instead of "body".', "A message is acked once it is printed; one that can't be printed is given back.", "Exits with 1 if nothing came."],
  );
}

async function receive(name: string, options: ReceiveOptions): Promise<void> {
  const { ack, json = false } = options;
  const notes = new Notes(json);
  using stop = new StopSignal();
  await withBaton({ ...options, notes }, async (baton) => {
    const messages = await take(baton.queue(name), options, stop);
    if (messages.length === 0) throw new Quit(EXIT.found);
    if (!(await settleAll(messages, ack, json, stop, notes))) throw new Quit(EXIT.found);
    if (stop.stoppedBy !== undefined) throw new Quit(signalExit(stop.stoppedBy));
  });
}

/** Receives; while it may wait, it also waits for a store that is away. @throws Quit if a signal stopped it. */
async function take(queue: Queue, { max, wait = 0, lease }: ReceiveOptions, stop: StopSignal): Promise<readonly Message[]> {
  const deadline = performance.now() + wait;
  const late = tooLate(stop);
  late.catch(() => {});
  for (let left = wait; ; left = deadline - performance.now()) {
    try {
      const received = queue.receive({ max, wait: Math.max(0, left), signal: stop.signal, ...(lease === undefined ? {} : { lease }) });
      return await Promise.race([received, late]);
    } catch (error) {
      if (stop.stoppedBy !== undefined) throw new Quit(signalExit(stop.stoppedBy));
      // The library gives back what the call may have been handed.
      if (!(error instanceof StoreUnavailableError) || performance.now() >= deadline) throw error;
      await sleep(AGAIN_MS);
    }
  }
}

/** Rejects some time after the stop: a call that is under way may still bring messages, but not if the store is away. */
async function tooLate({ signal }: StopSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  await sleep(STOP_MS, undefined, { ref: false });
  throw new Error("stopped");
}

/**
 * Prints the messages one by one, acking each that was printed and giving back the rest.
 *
 * @returns whether all that were printed could be acked.
 * @throws BrokenPipe
 */
async function settleAll(messages: readonly Message[], ack: boolean, json: boolean, stop: StopSignal, notes: Notes): Promise<boolean> {
  const settled: Promise<boolean>[] = [];
  let broken: Error | undefined;
  for (const message of messages) {
    if (broken === undefined && !stop.signal.aborted) {
      try {
        if (json) await printJson(messageJson(message));
        else await print(bodyLine(message.body));
        if (ack) {
          settled.push(settle(message, message.ack(), notes));
          continue;
        }
      } catch (error) {
        broken = toError(error);
      }
    }
    settled.push(settle(message, message.release(), notes));
  }
  const all = (await Promise.all(settled)).every((held) => held);
  if (broken !== undefined) throw broken;
  return all;
}

async function settle(message: Message, settling: Promise<void>, notes: Notes): Promise<boolean> {
  try {
    await settling;
    return true;
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
    notes.say(`baton: message ${message.id} will be received again: ${error.message} [${error.code}]`, { event: "lost", id: message.id, code: error.code });
    return false;
  }
}

function messageJson(message: Message): Readonly<Record<string, unknown>> {
  const { id, queue, priority, attempt, failures, crashes, sentAt } = message;
  return { id, queue, ...bodyField(message.body), priority, attempt, failures, crashes, sentAt };
}
