import { Command } from "commander";
import { Notes } from "../notes.ts";
import { addExamples, type GlobalOptions } from "../options.ts";
import { print, printJson } from "../output.ts";
import { withBaton } from "../store.ts";

export function queuesCommand(): Command {
  const command = new Command("queues")
    .description("print the names of all queues, sorted, one a line")
    .action(async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const notes = new Notes(options.json === true);
      const names = await withBaton({ ...options, notes }, (baton) => baton.queues());
      if (options.json === true) await printJson(names);
      else await print(names.map((name) => `${name}\n`).join(""));
    });
  return addExamples(
    command,
    [
      ["baton queues", "every queue that was ever sent to or received from"],
      ["baton queues | grep '^mail' | xargs baton stats", "the counts of some of them"],
    ],
    ["With --json: an array of names."],
  );
}
