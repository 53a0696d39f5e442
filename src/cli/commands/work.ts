import { Command, Option } from "commander";
import { CliError, EXIT, Quit } from "../exit.ts";
import { Notes } from "../notes.ts";
import { addExamples, duration, type GlobalOptions, integer } from "../options.ts";
import { withBaton } from "../store.ts";
import { ExecJob } from "../work/exec-job.ts";
import type { Job } from "../work/job.ts";
import { ModuleJob } from "../work/module-job.ts";
import { runWorker } from "../work/run.ts";
import { Tally } from "../work/tally.ts";

interface WorkOptions extends GlobalOptions {
  readonly exec?: string;
  readonly module?: string;
  readonly concurrency: number;
  readonly lease?: number;
  readonly timeout?: number;
  readonly attempts: number;
  readonly crashes: number;
  readonly grace: number;
  readonly untilEmpty?: boolean;
}

const DEFAULT_GRACE_MS = 30_000;

export function workCommand(): Command {
  const command = new Command("work")
    .description("run a command, or a module's function, for each message")
    .argument("<queue>", "the queue to work on")
    .addOption(new Option("--exec <command>", "a shell command; the body is on its stdin and in $BATON_BODY; exit 0 acks, anything else retries"))
    .addOption(new Option("--module <path>", "a module whose default export handles a message: (message, { signal }) => …"))
    .addOption(new Option("--concurrency <n>", "messages handled at once").argParser(integer(1, 100_000)).default(1))
    .addOption(new Option("--lease <duration>", "how long the messages of a killed worker wait; extended by itself while they are handled (default: 30s)").argParser(duration))
    .addOption(new Option("--timeout <duration>", "how long one message may take; then the command gets SIGTERM, 5 seconds later SIGKILL, and the attempt has failed (default: no limit)").argParser(duration))
    .addOption(new Option("--attempts <n>", "failed attempts after which a message is dead").argParser(integer(1, 1_000_000)).default(3))
    .addOption(new Option("--crashes <n>", "vanished workers after which a message is dead").argParser(integer(1, 1_000_000)).default(3))
    .addOption(new Option("--grace <duration>", "how long messages may still be handled once the worker is asked to stop").argParser(duration).default(DEFAULT_GRACE_MS, "30s"))
    .addOption(new Option("--until-empty", "end once the queue has nothing ready, delayed or active"))
    .action(async (queue: string, _options: unknown, self: Command) => work(queue, self.optsWithGlobals<WorkOptions>()));
  return addExamples(
    command,
    [
      [`baton work crawl --exec 'curl -sf "$BATON_BODY"' --concurrency 20`, "a durable, distributed xargs"],
      ["baton work words --exec 'tr a-z A-Z' --until-empty", "the body is on stdin; end when all is done"],
      [`baton work raw --exec 'jq -c .user | baton send users --ndjson'`, "a pipeline: from queue to queue"],
      ["baton work emails --module ./send-email.ts --timeout 30s", "a function of your own"],
      [`baton work thumbs --exec 'thumbnail "$BATON_BODY"' --json | jq 'select(.event == "dead")'`, "follow what becomes of the messages"],
    ],
    [
      "A command also finds $BATON_ID, $BATON_QUEUE, $BATON_ATTEMPT and $BATON_STORE. It is quoted by you: write \"$BATON_BODY\".",
      "SIGINT or SIGTERM: what runs may finish within the grace; a second one ends it and hands back at once. Neither burns an attempt.",
      "With --json: an object for each event, one a line, on stdout: done, failed, dead, lost, handed-back, and at last end.",
      "A command's stdout is then in its event, up to 1 MiB of it.",
      "Exits with 0 when stopped by a signal, or, with --until-empty, when all is done; with --until-empty also with 1 if",
      "messages died, and with 130 or 143 if a signal came first. A second signal: 130 or 143.",
    ],
  );
}

async function work(name: string, options: WorkOptions): Promise<void> {
  const { json = false, attempts, crashes, concurrency, lease, timeout, grace, untilEmpty = false } = options;
  const notes = new Notes(json);
  const tally = new Tally(name, notes, json, attempts);
  // Before connecting, so that a module that can't be loaded does not look like a worker.
  const job = await makeJob(options, tally);
  const settings = {
    concurrency,
    untilEmpty,
    ...(lease === undefined ? {} : { lease }),
    // Commands are timed here: their attempt ends when they have ended, not before.
    ...(timeout === undefined || job instanceof ExecJob ? {} : { timeout }),
  };
  const exit = await withBaton({ ...options, notes }, (baton) => {
    return runWorker(baton.queue(name, { attempts, crashes }), job, tally, { work: settings, grace, notes });
  });
  if (exit !== EXIT.done) throw new Quit(exit);
}

async function makeJob({ exec, module, timeout, store, json = false }: WorkOptions, tally: Tally): Promise<Job> {
  if ((exec === undefined) === (module === undefined)) {
    throw new CliError("BATON_CLI_USAGE", EXIT.usage, "Say what to do with messages: either --exec 'a shell command' or --module path/to/handler.ts");
  }
  if (module !== undefined) return ModuleJob.load(module);
  if (exec === undefined || exec.trim() === "") throw new CliError("BATON_CLI_USAGE", EXIT.usage, "--exec is empty; a command that does nothing would ack every message. Write `true` if that is meant.");
  return new ExecJob({
    command: exec,
    timeout,
    json,
    // So that a `baton send` in the command finds the same store.
    env: store === undefined ? process.env : { ...process.env, BATON_STORE: store },
    onHandedBack: (message, problem) => tally.back(message, problem),
  });
}
