#!/usr/bin/env node
/* Builds dist: what tsc makes of src, the Lua scripts beside the code that loads them, and the CLI as a program. */
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectNode, ROOT, run, stop } from "./lib/project.mjs";

const dist = join(ROOT, "dist");
rmSync(dist, { recursive: true, force: true });

const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
if (!existsSync(tsc)) stop("TypeScript is not installed. Run: node scripts/setup.mjs");
if (run(projectNode(), [tsc, "-p", join(ROOT, "tsconfig.build.json")]) !== 0) stop("The build failed: tsc says why above.");

for (const file of readdirSync(join(ROOT, "src"), { recursive: true })) {
  if (!file.endsWith(".lua")) continue;
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  cpSync(join(ROOT, "src", file), join(dist, file));
}

const { bin } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
for (const [name, path] of Object.entries(bin)) {
  const program = join(ROOT, path);
  if (!existsSync(program)) stop(`package.json says that ${name} is ${path}, and the build did not make that file.`);
  if (!readFileSync(program, "utf8").startsWith("#!/usr/bin/env node\n")) stop(`${path} must begin with: #!/usr/bin/env node`);
  chmodSync(program, 0o755);
}
