import { Command, Option } from "commander";
import type { MessageInfo, State } from "../../index.ts";
import { bodyPreview, infoJson } from "../body.ts";
import { Notes } from "../notes.ts";
import { addExamples, type GlobalOptions, integer } from "../options.ts";
import { print, printJson } from "../output.ts";
import { withBaton } from "../store.ts";
import { type Column, table } from "../table.ts";

interface ListOptions extends GlobalOptions {
  readonly state: State;
  readonly limit: number;
  readonly cursor?: string;
}

/** Columns of a body that are shown where no terminal says how wide it is. */
const PREVIEW = 60;

export function listCommand(): Command {
  const command = new Command("list")
    .summary("print the messages in one state")
    .description("print the messages in one state: ready in the order they will be received, delayed by due time, active by lease expiry, dead by time of death")
    .argument("<queue>", "the queue to look into; nothing in it changes")
    .addOption(new Option("--state <state>", "which messages").choices(["ready", "delayed", "active", "dead"]).default("ready"))
    .addOption(new Option("--limit <n>", "messages to print, 1 to 1000").argParser(integer(1, 1000)).default(100))
    .addOption(new Option("--cursor <cursor>", "go on where the page before ended"))
    .action(async (queue: string, _options: unknown, self: Command) => {
      const { state, limit, cursor, json = false, ...options } = self.optsWithGlobals<ListOptions>();
      const notes = new Notes(json);
      const page = await withBaton({ ...options, notes }, (baton) =>
        baton.queue(queue).list({ state, limit, ...(cursor === undefined ? {} : { cursor }) }),
      );
      if (json) {
        await printJson({ messages: page.messages.map(infoJson), ...(page.next === undefined ? {} : { next: page.next }) });
        return;
      }
      if (page.messages.length === 0) notes.say(`no ${state} messages in "${queue}"`, {});
      else await print(listTable(state, page.messages));
      if (page.next !== undefined) notes.say(`more: baton list ${queue} --state ${state} --limit ${limit} --cursor '${page.next}'`, {});
    });
  return addExamples(
    command,
    [
      ["baton list emails", "what comes next"],
      ["baton list emails --state dead", "what was given up, and why"],
      ["baton list emails --state dead --json | jq -r '.messages[].error.message'", "only the errors"],
    ],
    ['With --json: { "messages": [...], "next": "..." }, where next is the cursor of the next page, if there is one.'],
  );
}

function listTable(state: State, messages: readonly MessageInfo[]): string {
  const columns: Column[] = [
    { title: "id" },
    { title: "sent" },
    { title: "priority", align: "right" },
    { title: "failures", align: "right" },
    { title: "crashes", align: "right" },
    ...EXTRA[state].map(({ title }) => ({ title })),
    { title: "body" },
  ];
  const rows = messages.map((message) => [
    message.id,
    time(message.sentAt),
    String(message.priority),
    String(message.failures),
    String(message.crashes),
    ...EXTRA[state].map((extra) => extra.of(message)),
    bodyPreview(message.body, PREVIEW),
  ]);
  return table(columns, rows);
}

/** What messages in some states have besides. */
const EXTRA: Readonly<Record<State, readonly { readonly title: string; of(message: MessageInfo): string }[]>> = {
  ready: [],
  delayed: [{ title: "due", of: ({ dueAt }) => time(dueAt) }],
  active: [
    { title: "lease runs out", of: ({ leaseExpiresAt }) => time(leaseExpiresAt) },
    { title: "holder", of: ({ holder }) => holder ?? "" },
  ],
  dead: [
    { title: "died", of: ({ diedAt }) => time(diedAt) },
    { title: "reason", of: ({ reason }) => reason ?? "" },
    { title: "error", of: ({ error }) => (error === undefined ? "" : bodyPreview(error.message, PREVIEW)) },
  ],
};

function time(date: Date | undefined): string {
  return date === undefined ? "" : date.toISOString().replace("T", " ").replace(/\.\d+Z$/, "Z");
}
