import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { ERROR_CODES } from "../../src/index.ts";

it("docs/errors.md lists exactly the codes there are, each with its meaning", () => {
  const rows = readFileSync("docs/errors.md", "utf8").matchAll(/^\| `(BATON_\w+)` \| `\w+` \| (.*?) \|/gm);
  assert.deepEqual(Object.fromEntries([...rows].map(([, code, meaning]) => [code, meaning])), { ...ERROR_CODES });
});
