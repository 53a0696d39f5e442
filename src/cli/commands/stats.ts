import { Command } from "commander";
import { Notes } from "../notes.ts";
import { addExamples, type GlobalOptions } from "../options.ts";
import { print, printJson } from "../output.ts";
import { withBaton } from "../store.ts";
import { table } from "../table.ts";

export function statsCommand(): Command {
  const command = new Command("stats")
    .description("print how many messages are in each state")
    .argument("[queues...]", "the queues to count; default all")
    .action(async (queues: readonly string[], _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const notes = new Notes(options.json === true);
      const stats = await withBaton({ ...options, notes }, async (baton) => {
        const names = queues.length > 0 ? queues : await baton.queues();
        return Promise.all(names.map(async (queue) => ({ queue, ...(await baton.queue(queue).counts()) })));
      });
      if (options.json === true) {
        await printJson(stats);
        return;
      }
      if (stats.length === 0) notes.say("no queues yet", {});
      else await print(statsTable(stats));
    });
  return addExamples(
    command,
    [
      ["baton stats", "all queues"],
      ["baton stats emails --json | jq '.[0].dead'", "one number of one queue"],
      ["watch baton stats", "keep looking"],
    ],
    ["With --json: an array with an object for each queue.", "A queue nobody has used yet has zero of everything: queues need no creating."],
  );
}

const STATES = ["ready", "delayed", "active", "dead"] as const;

function statsTable(stats: readonly ({ readonly queue: string } & Readonly<Record<(typeof STATES)[number], number>>)[]): string {
  return table(
    [{ title: "queue" }, ...STATES.map((title) => ({ title, align: "right" as const }))],
    stats.map((row) => [row.queue, ...STATES.map((state) => String(row[state]))]),
  );
}
