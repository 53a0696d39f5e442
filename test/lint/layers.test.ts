import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, describe, it } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");
const OXLINT = join(ROOT, "node_modules/oxlint/bin/oxlint");

/** For each file, what it may import and what the linter must refuse. */
const RULES: readonly { file: string; allowed: readonly string[]; refused: readonly string[] }[] = [
  {
    file: "src/core/a.ts",
    allowed: ["./b.ts", "ms", "node:crypto", "node:buffer", "@standard-schema/spec"],
    refused: [
      "../store/store.ts",
      "../store/sqlite/a.ts",
      "../runtime/a.ts",
      "../cli/main.ts",
      "../index.ts",
      "../unheard-of/a.ts",
      "../../test/a.ts",
      "node:fs",
      "node:fs/promises",
      "node:net",
      "node:sqlite",
      "fs",
      "@redis/client",
      "batonmq",
    ],
  },
  {
    file: "src/store/store.ts",
    allowed: ["../core/a.ts"],
    refused: ["./open.ts", "./redis/a.ts", "./sqlite/a.ts", "../runtime/a.ts", "../index.ts", "node:fs", "@redis/client"],
  },
  {
    file: "src/store/open.ts",
    allowed: ["./store.ts", "./redis/a.ts", "./sqlite/a.ts", "../core/a.ts"],
    refused: ["../runtime/a.ts", "../cli/main.ts", "../index.ts", "../../test/a.ts", "@redis/client"],
  },
  {
    file: "src/store/redis/a.ts",
    allowed: ["./b.ts", "../store.ts", "../../core/a.ts", "@redis/client", "node:fs", "node:fs/promises"],
    refused: ["../sqlite/a.ts", "../open.ts", "../../runtime/a.ts", "../../index.ts", "../../../test/a.ts", "node:sqlite", "commander"],
  },
  {
    file: "src/store/sqlite/a.ts",
    allowed: ["./b.ts", "../store.ts", "../../core/a.ts", "node:sqlite", "node:worker_threads"],
    refused: ["../redis/a.ts", "../open.ts", "../../runtime/a.ts", "../../index.ts", "../../../test/a.ts", "@redis/client"],
  },
  {
    file: "src/runtime/a.ts",
    allowed: ["./b.ts", "../core/a.ts", "../store/store.ts", "../store/open.ts", "node:events", "@standard-schema/spec"],
    refused: [
      "../store/redis/a.ts",
      "../store/sqlite/a.ts",
      "../store/other.ts",
      "../cli/main.ts",
      "../http/a.ts",
      "../dashboard/a.ts",
      "../otel/a.ts",
      "../index.ts",
      "../../test/a.ts",
      "node:fs",
      "node:net",
      "node:sqlite",
      "@redis/client",
      "commander",
    ],
  },
  {
    file: "src/index.ts",
    allowed: ["./core/a.ts", "./runtime/a.ts", "./store/store.ts"],
    refused: ["./store/open.ts", "./store/redis/a.ts", "./store/sqlite/a.ts", "./cli/main.ts", "./http/a.ts", "../test/a.ts"],
  },
  {
    file: "src/cli/commands/a.ts",
    allowed: ["../../index.ts", "../../runtime/a.ts", "../../http/a.ts", "../b.ts", "../../../package.json", "commander", "node:fs"],
    refused: ["../../store/redis/a.ts", "../../store/sqlite/a.ts", "../../store/open.ts", "../../../test/a.ts", "node:sqlite", "@redis/client"],
  },
  ...["http", "dashboard", "otel"].map((edge) => ({
    file: `src/${edge}/a.ts`,
    allowed: ["./b.ts", "../index.ts", "../runtime/a.ts", "../core/a.ts", "node:http"],
    refused: ["../store/redis/a.ts", "../store/sqlite/a.ts", "../store/open.ts", "../cli/main.ts", "../../test/a.ts", "node:sqlite", "@redis/client"],
  })),
];

/** Every way of reaching another module, as a line of its own; `name` keeps the names in one file apart. */
const FORMS: readonly ((specifier: string, name: string) => string)[] = [
  (specifier, name) => `import { ${name} } from "${specifier}";`,
  (specifier, name) => `import type { T${name} } from "${specifier}";`,
  (specifier) => `import "${specifier}";`,
  (specifier) => `export * from "${specifier}";`,
  (specifier, name) => `export { x as ${name}x } from "${specifier}";`,
  (specifier) => `await import("${specifier}");`,
];

function linesFor(specifiers: readonly string[]): string[] {
  return specifiers.flatMap((specifier, i) => FORMS.map((form, j) => form(specifier, `v${i}_${j}`)));
}

interface Report {
  readonly diagnostics: readonly {
    readonly code: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

describe("the layers, as the linter holds them", () => {
  const folder = mkdtempSync(join(tmpdir(), "baton-layers-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(ROOT, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));

  for (const { file, allowed, refused } of RULES) {
    it(`${file} may import ${allowed.join(", ")}`, () => {
      assert.deepEqual(refusedLines(file, linesFor(allowed)), []);
    });

    it(`${file} is refused ${refused.join(", ")}`, () => {
      const lines = linesFor(refused);
      assert.deepEqual(refusedLines(file, lines), lines);
    });
  }

  it("no folder or file of src is without a rule", () => {
    const ruled = new Set(RULES.flatMap(({ file }) => [file, dirname(file)]).map((path) => path.split("/")[1]));
    assert.deepEqual(readdirSync(join(ROOT, "src")).filter((name) => !ruled.has(name)), []);
    assert.deepEqual(readdirSync(join(ROOT, "src/store")).sort(), ["open.ts", "redis", "sqlite", "store.ts"]);
  });

  /** The lines that `no-restricted-imports` refuses in a file made of them. */
  function refusedLines(file: string, lines: readonly string[]): string[] {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, lines.join("\n"));
    const { stdout, stderr } = spawnSync(process.execPath, [OXLINT, "--format=json", path], { cwd: folder, encoding: "utf8" });
    assert.ok(stdout.startsWith("{"), `oxlint did not report: ${stdout}${stderr}`);
    const { diagnostics } = JSON.parse(stdout) as Report;
    const refused = new Set(
      diagnostics
        .filter(({ code }) => code === "eslint(no-restricted-imports)")
        .flatMap(({ labels }) => labels.map(({ span }) => lines[span.line - 1])),
    );
    return lines.filter((line) => refused.has(line));
  }
});
