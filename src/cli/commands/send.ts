import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { Command, Option } from "commander";
import type { Queue } from "../../index.ts";
import { fileBody } from "../body.ts";
import { CliError, EXIT, Quit, signalExit, toError } from "../exit.ts";
import { countOf, Notes } from "../notes.ts";
import { addExamples, duration, type GlobalOptions, integer } from "../options.ts";
import { print } from "../output.ts";
import { Batcher, type Manner } from "../send/batcher.ts";
import { type BodyRules, toBodies, toBody } from "../send/bodies.ts";
import { readLines } from "../send/lines.ts";
import { Progress } from "../send/progress.ts";
import { Stall } from "../send/stall.ts";
import { stdinSize } from "../send/stdin.ts";
import { StopSignal } from "../signals.ts";
import { withBaton } from "../store.ts";

interface SendOptions extends GlobalOptions {
  readonly ndjson?: boolean;
  readonly file?: string;
  readonly delay?: number;
  readonly priority?: number;
  readonly maxBody: number;
}

/** JSON text can be longer than what is stored of it, by escapes and white space; more than this is no honest line. */
const MOST_INPUT_FOR_BODY = 8;

export function sendCommand(): Command {
  const command = new Command("send")
    .description("send a message, or one for each line of stdin")
    .argument("<queue>", "the queue to send to; it needs no creating")
    .argument("[body]", "the message's body, as text; without it, or with -, each line of stdin is one message")
    .addOption(new Option("--ndjson", "read bodies as JSON instead of as text: each line of stdin, or the body given"))
    .addOption(new Option("--file <path>", "send a whole file as one message, as text or else as bytes; - is stdin"))
    .addOption(new Option("--delay <duration>", "how long before the messages may be received").argParser(duration))
    .addOption(new Option("--priority <n>", "0 to 1000000, higher is received first").argParser(integer(0, 1_000_000)))
    .addOption(new Option("--max-body <bytes>", "the largest body taken").argParser(integer(1, 256 * 1024 * 1024)).default(1024 * 1024))
    .action(async (queue: string, body: string | undefined, _options: unknown, self: Command) => {
      await send(queue, body === "-" ? undefined : body, self.optsWithGlobals<SendOptions>());
    });
  return addExamples(
    command,
    [
      ["baton send emails hello", "one message; prints its id"],
      ["cat urls.txt | baton send crawl", "one message for each line"],
      ["tail -F access.log | baton send hits", "lines are sent as they come"],
      ["jq -c '.[]' orders.json | baton send orders --ndjson --delay 5m", "JSON bodies, later"],
      [`baton send orders --ndjson '{"sku":7}' --priority 5`, "one JSON body"],
      ["baton send scans --file page.png", "a file as one message"],
    ],
    ['With --json: {"id":"..."} for each message, one a line.', "Empty lines are skipped; \\r\\n ends a line like \\n does.", "Exits with 2 at a line that can't be sent: those before it are sent, those after it are not."],
  );
}

async function send(name: string, body: string | undefined, options: SendOptions): Promise<void> {
  const { ndjson = false, file, delay, priority, maxBody, json = false } = options;
  if (body !== undefined && file !== undefined) throw new CliError("BATON_CLI_USAGE", EXIT.usage, "Give either a body or --file, not both.");
  if (ndjson && file !== undefined) {
    throw new CliError("BATON_CLI_USAGE", EXIT.usage, "--file sends a whole file as one message, --ndjson one for each line; for the lines of a file: baton send <queue> --ndjson < file");
  }
  const notes = new Notes(json);
  const manner: Manner = { ...(delay === undefined ? {} : { delay }), ...(priority === undefined ? {} : { priority }) };
  const rules: BodyRules = { ndjson, maxBody };
  const lines = body === undefined && file === undefined;
  const single = lines ? undefined : file === undefined ? toBody(body ?? "", rules, "The body") : await readWhole(file);
  await withBaton({ ...options, notes }, async (baton) => {
    const queue = baton.queue(name);
    const batcher = new Batcher(queue, manner, async (sent) => {
      if (json) await print(sent.map(({ id }) => `${JSON.stringify({ id })}\n`).join(""));
      // A single message's id is what a script asks for; a million of them would only flood the terminal.
      else if (!lines) await print(sent.map(({ id }) => `${id}\n`).join(""));
    });
    try {
      if (lines) await sendLines(batcher, rules, notes, json);
      else {
        await batcher.add([{ body: single, size: 0 }]);
        await batcher.end();
      }
    } finally {
      summarize(queue, batcher, notes);
    }
  });
}

/** @throws Quit if a signal stopped it; what was read by then is sent, unless the store is away. */
async function sendLines(batcher: Batcher, rules: BodyRules, notes: Notes, json: boolean): Promise<void> {
  const total = stdinSize();
  using stop = new StopSignal();
  let bytes = 0;
  using _progress = new Progress(() => ({ sent: batcher.sent, bytes }), notes, total, json);
  if (process.stdin.isTTY) notes.say("reading messages from the terminal, one a line; Ctrl-D ends", { event: "reading" });
  const all = sendAll(batcher, rules, stop.signal, (read) => {
    bytes = read;
  });
  using stall = new Stall(() => batcher.sent, stop.signal);
  await Promise.race([all, stall.come]);
  if (stop.stoppedBy !== undefined) throw new Quit(signalExit(stop.stoppedBy));
}

/** @throws what made it end early; all that came before it is sent. */
async function sendAll(batcher: Batcher, rules: BodyRules, signal: AbortSignal, onRead: (bytes: number) => void): Promise<void> {
  let failure: Error | undefined;
  try {
    for await (const lines of readLines(process.stdin, rules.maxBody * MOST_INPUT_FOR_BODY, signal)) {
      onRead(lines.bytes);
      const { bodies, error } = toBodies(lines, rules);
      await batcher.add(bodies);
      if (error !== undefined) throw error;
    }
  } catch (error) {
    failure = toError(error);
  }
  await batcher.end();
  if (failure !== undefined) throw failure;
}

async function readWhole(path: string): Promise<string | Uint8Array> {
  return fileBody(path === "-" ? await buffer(process.stdin) : await readFile(path));
}

function summarize(queue: Queue, batcher: Batcher, notes: Notes): void {
  const { sent } = batcher;
  const unknown = batcher.unknown + batcher.pending;
  const doubt = unknown === 0 ? "" : `; ${countOf(unknown, "more message")} may not be stored`;
  notes.say(`sent ${countOf(sent, "message")} to "${queue.name}"${doubt}`, { event: "sent", queue: queue.name, sent, ...(unknown === 0 ? {} : { unknown }) });
}
