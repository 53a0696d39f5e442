import { styleText } from "node:util";
import { Command } from "commander";
import { bodyPreview, infoJson } from "../body.ts";
import { CliError, EXIT } from "../exit.ts";
import { Notes } from "../notes.ts";
import { addExamples, type GlobalOptions } from "../options.ts";
import { print, printJson } from "../output.ts";
import { withBaton } from "../store.ts";

export function getCommand(): Command {
  const command = new Command("get")
    .description("print all that is known of one message")
    .argument("<queue>", "the queue it was sent to")
    .argument("<id>", "the message's id, as `send` and `list` print it")
    .action(async (queue: string, id: string, _options: unknown, self: Command) => {
      const { json = false, ...options } = self.optsWithGlobals<GlobalOptions>();
      const notes = new Notes(json);
      const found = await withBaton({ ...options, notes }, (baton) => baton.queue(queue).get(id));
      if (found === undefined) {
        throw new CliError("BATON_CLI_NOT_FOUND", EXIT.found, `There is no message ${JSON.stringify(id)} in queue "${queue}": it was acked, or never there.`);
      }
      if (json) await printJson(infoJson(found));
      else await print(describe(infoJson(found), found.body));
    });
  return addExamples(
    command,
    [
      ["baton get emails 660f98f0e81427f3k2", "where a message is"],
      ["id=$(baton send emails hello) && baton get emails \"$id\" --json", "look at what was just sent"],
    ],
    ["With --json: an object.", "Exits with 1 if there is no such message (any more)."],
  );
}

function describe(info: Readonly<Record<string, unknown>>, body: unknown): string {
  const { error, body: _body, bodyBase64: _bytes, ...fields } = info;
  const lines = Object.entries(fields).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : String(value)] as const);
  const message = typeof error === "object" && error !== null && "message" in error ? [["error", bodyPreview(error.message, 2000)] as const] : [];
  return [...lines, ...message, ["body", bodyPreview(body, 10_000)] as const]
    .map(([name, value]) => `${styleText("bold", name.padEnd(14))} ${value}\n`)
    .join("");
}
