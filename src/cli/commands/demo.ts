import { Command } from "commander";
import { runDemo } from "../demo/run.ts";
import type { Verdict } from "../demo/judge.ts";

/** `baton demo`: real files through a real queue, with a worker killed on the way. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("send a folder's files through the queue to four worker processes, kill one, and check that nothing was lost")
    .argument("[folder]", "the folder whose files are sent", ".")
    .addHelpText(
      "after",
      `
A producer and four workers, each a process of its own. Workers compute the SHA-256 and size of every chunk; one is killed with
SIGKILL on the way. Each process logs what it did; at the end the logs are compared with a direct computation.
Without --store it runs on a SQLite file that is removed afterwards.

Exit code: 0 if nothing was lost, nothing acked twice, all results are right and in order; else 1.

Examples:
  baton demo
  baton demo ~/Pictures --json
  baton demo --store redis://localhost:6379`,
    )
    .action(async (folder: string, _options: unknown, command: Command) => {
      const { store, json = false } = command.optsWithGlobals<{ store?: string; json?: boolean }>();
      const verdict = await runDemo({
        store: store ?? (process.env["BATON_STORE"] || undefined),
        folder,
        say: (line) => process.stderr.write(`${line}\n`),
      });
      process.stdout.write(json ? `${JSON.stringify(verdict)}\n` : table(verdict));
      process.exitCode = verdict.ok ? 0 : 1;
    });
}

function table(verdict: Verdict): string {
  const { sent, handled, redelivered, lost, ackedTwice, wrong, fifo, perSecond, pickUp, ok } = verdict;
  const rows: [string, string, boolean | undefined][] = [
    ["sent", String(sent), undefined],
    ["handled", String(handled), handled === sent],
    ["redelivered", String(redelivered), undefined],
    ["lost", String(lost), lost === 0],
    ["acked twice", String(ackedTwice), ackedTwice === 0],
    ["wrong results", String(wrong), wrong === 0],
    ["FIFO respected", fifo ? "yes" : "no", fifo],
    ["messages per second", String(perSecond), undefined],
    ["pick-up latency p50", `${pickUp.p50} ms`, undefined],
    ["pick-up latency p99", `${pickUp.p99} ms`, undefined],
  ];
  const lines = rows.map(([name, value, good]) => `  ${name.padEnd(20)} ${value.padStart(10)}${good === undefined ? "" : good ? "  ok" : "  WRONG"}`);
  return `${lines.join("\n")}\n${ok ? "Every message was handled, and none was acked twice." : "Something that must hold does not hold."}\n`;
}
