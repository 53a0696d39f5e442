import { readFileSync } from "node:fs";
import { Command } from "commander";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { getCommand } from "./commands/get.ts";
import { listCommand } from "./commands/list.ts";
import { queuesCommand } from "./commands/queues.ts";
import { receiveCommand } from "./commands/receive.ts";
import { sendCommand } from "./commands/send.ts";
import { statsCommand } from "./commands/stats.ts";
import { workCommand } from "./commands/work.ts";
import { addExamples, addGlobalOptions } from "./options.ts";

/** The command line as a whole. */
export function buildProgram(): Command {
  const program = addGlobalOptions(new Command("baton"))
    .description("A message queue that hands every message to exactly one worker, in order.")
    .usage("[options] <command>")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .configureHelp({ showGlobalOptions: true })
    // Errors are thrown and printed in one place, see main.ts.
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  const commands = [
    demoCommand(),
    sendCommand(),
    workCommand(),
    receiveCommand(),
    queuesCommand(),
    statsCommand(),
    listCommand(),
    getCommand(),
    doctorCommand(),
  ];
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program).helpOption("-h, --help", "print help"));
  return addExamples(
    program,
    [
      ["cat urls.txt | baton send crawl", "one message for each line"],
      [`baton work crawl --exec 'curl -sf "$BATON_BODY"' --concurrency 20`, "as many commands at once as you like, on as many machines"],
      ["baton stats", "what is in the queues"],
    ],
    [
      "Exit codes:",
      "  0    done",
      "  1    found something wrong, or nothing: see the command's help",
      "  2    the command or its input can't be used",
      "  3    the store could not be reached, or failed",
      "  70   a fault in Baton",
      "  129, 130, 143   ended by SIGHUP, SIGINT, SIGTERM before it was done",
      "  141  whoever read the output went away",
    ],
  );
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown";
}
