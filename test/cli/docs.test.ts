import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.ts";

const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
const sections = page.split(/^## /m).slice(1);
const commands = [...buildProgram().commands];

/** The first cells of the tables under a heading that are options. */
function documentedOptions(heading: string): string[] {
  const section = sections.find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^\| `(-[^`]*)` \|/gm)].map(([, flags = ""]) => flags);
}

function usage(command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? "..." : "");
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return `\`${["baton", command.name(), ...args].join(" ")}\``;
}

describe("docs/cli.md", () => {
  it("has a section for each command with its arguments, in the program's order, and no other", () => {
    const headings = sections.map((text) => text.split("\n", 1)[0] ?? "").filter((heading) => heading.startsWith("`baton"));
    assert.deepEqual(headings, commands.map(usage));
  });

  for (const command of commands) {
    it(`lists exactly the options of ${command.name()}`, () => {
      assert.deepEqual(
        documentedOptions(usage(command)),
        command.options.map(({ flags }) => flags),
      );
    });
  }

  it("lists exactly the options of every command", () => {
    assert.deepEqual(documentedOptions("Options of every command"), [...buildProgram().options.map(({ flags }) => flags), "-h, --help"]);
  });
});

describe("help", () => {
  for (const command of commands) {
    it(`of ${command.name()} has examples`, () => {
      let text = "";
      command.configureOutput({ writeOut: (chunk) => void (text += chunk) });
      command.outputHelp();
      assert.match(text, /\nExamples:\n/);
      assert.match(text, new RegExp(`baton ${command.name()}\\b`));
    });
  }
});
