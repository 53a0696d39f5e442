import assert from "node:assert/strict";
import { chmodSync, chownSync, writeFileSync } from "node:fs";
import { getuid } from "node:process";
import { describe, it } from "node:test";
import { toFailure } from "../../src/cli/failure.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { tempDirectory } from "../support/temp.ts";
import { run } from "./cli.ts";

const directory = tempDirectory();
const NOBODY = 65_534;
const store = `sqlite:${directory.file("errors.db")}`;

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly exit: number;
  readonly code: string;
  readonly input?: string;
}

const cases: readonly Case[] = [
  { name: "an unknown option", args: ["send", "q", "--fast"], exit: 2, code: "BATON_CLI_USAGE" },
  { name: "an unknown command", args: ["push", "q"], exit: 2, code: "BATON_CLI_USAGE" },
  { name: "a duration that is none", args: ["send", "q", "x", "--delay", "5 parsecs"], exit: 2, code: "BATON_CLI_USAGE" },
  { name: "a worker without anything to do", args: ["work", "q"], exit: 2, code: "BATON_CLI_USAGE" },
  { name: "a store URL of an unknown scheme", args: ["stats", "--store", "kafka://localhost"], exit: 2, code: "BATON_STORE_URL_INVALID" },
  { name: "a queue name with a brace", args: ["send", "a{b", "x"], exit: 2, code: "BATON_QUEUE_NAME_INVALID" },
  { name: "a queue name with an end of line", args: ["receive", "a\nb"], exit: 2, code: "BATON_QUEUE_NAME_INVALID" },
  { name: "a body over the limit", args: ["send", "q", "x".repeat(2000), "--max-body", "1000"], exit: 2, code: "BATON_CLI_INPUT" },
  { name: "a file that is not there", args: ["send", "q", "--file", "/no/such/file"], exit: 2, code: "ENOENT" },
  { name: "a module that is not there", args: ["work", "q", "--module", "/no/such/module.ts"], exit: 2, code: "BATON_CLI_USAGE" },
  { name: "a message that is not there", args: ["get", "q", "660f98f0e81427f3k2"], exit: 1, code: "BATON_CLI_NOT_FOUND" },
  { name: "a directory where the file should be", args: ["queues", "--store", `sqlite:${directory.path}`], exit: 3, code: "BATON_STORE_UNREACHABLE" },
  {
    name: "a server that is not there",
    args: ["queues", "--store", "redis://127.0.0.1:1", "--connect-timeout", "300ms"],
    exit: 3,
    code: "BATON_STORE_UNREACHABLE",
  },
];

/** Refused before anything is done, so these need no process of their own. */
const misused: readonly (readonly string[])[] = [
  ["list"],
  ["stats", "--state", "ready"],
  ["list", "q", "--state", "lost"],
  ["list", "q", "--limit", "1001"],
  ["receive", "q", "--max", "0"],
  ["receive", "q", "--wait", "-1s"],
  ["send", "q", "--priority", "1.5"],
  ["send", "q", "x", "y"],
  ["send", "q", "x", "--file", "y"],
  ["work", "q", "--exec", "true", "--concurrency", "many"],
  ["work", "q", "--exec", "true", "--module", "x.ts"],
  ["work", "q", "--exec", " "],
];

describe("baton refuses", () => {
  for (const args of misused) {
    it(`baton ${args.join(" ")}`, async () => {
      const program = buildProgram();
      const error: unknown = await program.parseAsync(args, { from: "user" }).catch((thrown: unknown) => thrown);
      const { code, exit } = toFailure(error);
      assert.deepEqual([code, exit], ["BATON_CLI_USAGE", 2]);
    });
  }
});

describe("baton exits", { concurrency: 4 }, () => {
  for (const { name, args, exit, code, input = "" } of cases) {
    it(`with ${exit} for ${name}, in one line`, async () => {
      const ended = await run(args, { env: { BATON_STORE: store }, input });
      assert.equal(ended.code, exit, ended.stderr);
      const [first = "", ...rest] = ended.stderr.trimEnd().split("\n").filter((line) => !line.startsWith("sent 0 "));
      assert.match(first, new RegExp(`^baton: .+ \\[${code}\\]$`));
      assert.deepEqual(rest, [], "one line");
      assert.equal(ended.stdout, "");
    });
  }

  it("within the connect timeout when nobody answers", async () => {
    const { code, stderr } = await run(["queues", "--store", "redis://127.0.0.1:1", "--connect-timeout", "300ms"]);
    assert.equal(code, 3);
    assert.match(stderr, /did not answer within 300 ms/);
  });

  it("with 3 for a file that can't be written", async () => {
    using own = tempDirectory();
    const path = own.file("read-only.db");
    await run(["send", "q", "x", "--store", `sqlite:${path}`]);
    chmodSync(path, 0o444);
    // Root may write everything, so it becomes somebody else.
    const isRoot = getuid?.() === 0;
    if (isRoot) for (const file of [own.path, path]) chownSync(file, NOBODY, NOBODY);
    const ended = await run(["send", "q", "x", "--store", `sqlite:${path}`], isRoot ? { uid: NOBODY } : {});
    assert.equal(ended.code, 3);
    assert.match(ended.stderr, /\[BATON_STORE_READ_ONLY\]/);
  });

  it("with 3 for a file that is no database", async () => {
    const path = directory.file("text.db");
    writeFileSync(path, "This is a letter, not a database. ".repeat(100));
    const ended = await run(["stats", "--store", `sqlite:${path}`]);
    assert.equal(ended.code, 3);
    assert.match(ended.stderr, /\[BATON_STORE_CORRUPT\]/);
  });

  it("with an error that is a JSON object, when JSON is asked for", async () => {
    const ended = await run(["send", "a{b", "x", "--json"], { env: { BATON_STORE: store } });
    const { error } = JSON.parse(ended.stderr) as { error: Record<string, unknown> };
    assert.equal(error["code"], "BATON_QUEUE_NAME_INVALID");
    assert.equal(error["exit"], 2);
    assert.match(String(error["message"]), /can't be a queue's name/);
  });

  it("with a stack only if asked", async () => {
    const ended = await run(["send", "a{b", "x", "--verbose"], { env: { BATON_STORE: store } });
    assert.match(ended.stderr, /\n\s+at /);
  });

  it("with 2 and help when there is no command, with 0 when help is asked for", async () => {
    const [without, asked] = await Promise.all([run([]), run(["--help"])]);
    assert.equal(without.code, 2);
    assert.match(without.stderr, /Usage: baton/);
    assert.equal(asked.code, 0);
    assert.match(asked.stdout, /Exit codes:/);
  });
});
