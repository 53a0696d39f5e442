import { styleText } from "node:util";
import { Command } from "commander";
import type { Baton, StoreInfo } from "../../index.ts";
import { EXIT, Quit } from "../exit.ts";
import { toFailure } from "../failure.ts";
import { Notes } from "../notes.ts";
import { addExamples, type GlobalOptions } from "../options.ts";
import { print, printJson } from "../output.ts";
import { withBaton } from "../store.ts";

interface Finding {
  readonly node: { readonly version: string; readonly needed: string; readonly ok: boolean };
  readonly store?: StoreInfo & { readonly connectMs: number; readonly roundTripMs: number };
  readonly error?: { readonly code: string; readonly message: string };
}

const NEEDED_NODE: readonly [major: number, minor: number] = [22, 13];
const ROUND_TRIPS = 20;

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .summary("look the store over")
    .description("look the store over: can it be reached, what survives which crash, what is set up in a way that will hurt")
    .action(async (_options: unknown, self: Command) => {
      const { json = false, ...options } = self.optsWithGlobals<GlobalOptions>();
      const node = { version: process.versions.node, needed: NEEDED_NODE.join("."), ok: nodeIsNewEnough(process.versions.node) };
      const { exit, ...found } = await examine(options, new Notes(json));
      const finding: Finding = { node, ...found };
      if (json) await printJson(finding);
      else await print(describe(finding));
      if (exit !== EXIT.done || !node.ok) throw new Quit(exit === EXIT.done ? EXIT.found : exit);
    });
  return addExamples(
    command,
    [
      ["baton doctor", "the default store"],
      ["baton doctor --store redis://queue.internal:6379 --json | jq '.store.warnings'", "what to mend"],
    ],
    ["With --json: an object with node, and store or error.", "It only looks: nothing is written to the store, apart from the file itself where a SQLite file is new.", "Warnings do not change the exit code. 1: Node is too old. 2, 3: the store's URL, or the store, can't be used."],
  );
}

async function examine(options: GlobalOptions, notes: Notes): Promise<Omit<Finding, "node"> & { readonly exit: number }> {
  const started = performance.now();
  try {
    return await withBaton({ ...options, notes }, async (baton) => {
      const connectMs = rounded(performance.now() - started);
      const info = await baton.inspect();
      return { store: { ...info, connectMs, roundTripMs: await roundTrip(baton) }, exit: EXIT.done };
    });
  } catch (error) {
    const { code, message, exit } = toFailure(error);
    if (exit === EXIT.bug) throw error;
    return { error: { code, message }, exit };
  }
}

/** The median of some calls that change nothing, in milliseconds. */
async function roundTrip(baton: Baton): Promise<number> {
  const queue = baton.queue("baton-doctor");
  const times: number[] = [];
  for (let i = 0; i < ROUND_TRIPS; i += 1) {
    const started = performance.now();
    await queue.counts();
    times.push(performance.now() - started);
  }
  return rounded(times.sort((a, b) => a - b)[ROUND_TRIPS / 2] ?? 0);
}

function describe({ node, store, error }: Finding): string {
  const good = styleText("green", "ok  ");
  const bad = styleText("red", "bad ");
  const lines = [`${node.ok ? good : bad} node        ${node.version}${node.ok ? "" : `; Baton needs ${node.needed} or newer`}`];
  if (error !== undefined) lines.push(`${bad} store       ${error.message} [${error.code}]`);
  if (store !== undefined) {
    lines.push(
      `${good} store       ${store.engine}, ${store.version}`,
      `${good} location    ${store.location}`,
      `${good} durability  ${store.durability}`,
      `${good} timing      connected in ${store.connectMs} ms, a round trip takes ${store.roundTripMs} ms (median of ${ROUND_TRIPS})`,
      ...store.warnings.map((warning) => `${styleText("yellow", "warn")} ${warning}`),
      store.warnings.length === 0 ? "no warnings" : `${store.warnings.length} warning${store.warnings.length === 1 ? "" : "s"}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function nodeIsNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1]);
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
