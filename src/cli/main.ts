#!/usr/bin/env node
import { argv, env } from "node:process";
import { CommanderError } from "commander";
import { EXIT, Quit } from "./exit.ts";
import { reportFailure } from "./failure.ts";
import { flushOutput, watchOutput } from "./output.ts";
import { buildProgram } from "./program.ts";

/** Runs the command line; returns the exit code. */
async function run(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof Quit) return error.exit;
    if (error instanceof CommanderError) {
      // Help that was asked for is an answer; help for want of a command is not.
      if (error.exitCode === 0) return EXIT.done;
      if (error.code === "commander.help") return EXIT.usage;
    }
    // The arguments may not have been understood, so these are looked for by hand.
    const given = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
    const verbose = given.includes("--verbose") || (env["DEBUG"] ?? "").split(",").includes("baton");
    return reportFailure(error, { json: given.includes("--json"), verbose }).exit;
  }
}

watchOutput();
// The command is over when it says so, not when nothing else happens to keep the process alive.
const hold = setInterval(() => {}, 2 ** 30);
const exit = await run(argv.slice(2));
clearInterval(hold);
await flushOutput();
// A handler's module may have left timers or sockets open; the command is over all the same.
process.exit(exit);
