#!/usr/bin/env node
/*
 * Checks what users will install: packs it, looks at what is in it, installs it into an empty project, type checks and
 * runs the README's first example there, and starts the CLI.
 *
 * The example is README.md's first block fenced as ```ts. It is run as it stands, with BATON_STORE naming a new SQLite
 * file, so it must come without a store URL and end by itself.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectEnv, projectNode, ROOT, say } from "./lib/project.mjs";

/** What may be in the package. */
const KNOWN_FILES = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|docs\/.+\.(md|svg|png)|dist\/.+\.(js|d\.ts|lua|css|html|svg))$/;
/** Milliseconds the example may run. */
const EXAMPLE_TIMEOUT = 30_000;
const STEP_TIMEOUT = 300_000;

/** The package is not as it should be; the message says how. */
class Failure extends Error {}

const NODE = projectNode();
const MODULES = join(ROOT, "node_modules");
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const temp = mkdtempSync(join(tmpdir(), "baton-package-"));
const project = join(temp, "project");

try {
  const tarball = pack();
  checkFiles(tarball);
  command("publint finds nothing", NODE, [join(MODULES, "publint/src/cli.js"), "run", tarball, "--strict"], { cwd: temp });
  install(tarball);
  checkExample();
  checkProgram();
} catch (error) {
  say(error instanceof Failure ? error.message : error.stack);
  process.exitCode = 1;
} finally {
  rmSync(temp, { recursive: true, force: true });
}

function pack() {
  command("it packs (and so builds)", "npm", ["pack", "--loglevel=error", "--pack-destination", temp]);
  const tarballs = readdirSync(temp).filter((name) => name.endsWith(".tgz"));
  if (tarballs.length !== 1) throw new Failure(`npm pack made ${tarballs.length} files`);
  return join(temp, tarballs[0]);
}

function checkFiles(tarball) {
  const files = command("its files can be listed", "tar", ["-tzf", tarball]).trim().split("\n").map((name) => name.replace(/^package\//, ""));
  const lua = readdirSync(join(ROOT, "src"), { recursive: true }).filter((name) => name.endsWith(".lua"));
  const needed = ["README.md", "LICENSE", "CHANGELOG.md", "dist/index.js", "dist/index.d.ts", ...Object.values(manifest.bin), ...lua.map((name) => `dist/${name}`)];
  const strange = files.filter((name) => !KNOWN_FILES.test(name) || /[./]test[./]/.test(name));
  const missing = needed.filter((name) => !files.includes(name));
  if (strange.length > 0) throw new Failure(`These don't belong into the package: ${strange.join(", ")}`);
  if (missing.length > 0) throw new Failure(`These are missing from the package: ${missing.join(", ")}`);
  console.log(`ok  it has its ${files.length} files, and no others`);
}

function install(tarball) {
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  command("it installs into an empty project", "npm", ["install", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error", tarball], { cwd: project });
}

function checkExample() {
  const example = /^```ts\b[^\n]*\n(.*?)^```/ms.exec(read("README.md"))?.[1];
  if (example === undefined) throw new Failure("README.md has no block fenced as ```ts.");
  if (!example.includes(`from "${manifest.name}"`)) throw new Failure(`README.md's first example does not import from "${manifest.name}".`);
  writeFileSync(join(project, "example.ts"), example);
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "es2024",
        lib: ["es2024", "esnext.disposable"],
        module: "nodenext",
        types: ["node"],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
      },
      include: ["example.ts"],
    }),
  );
  // What a user of TypeScript has besides: the compiler, which stays where it is, and Node's types.
  mkdirSync(join(project, "node_modules/@types"), { recursive: true });
  symlinkSync(join(MODULES, "@types/node"), join(project, "node_modules/@types/node"), "junction");
  command("README.md's first example type checks", NODE, [join(MODULES, "typescript/bin/tsc"), "-p", project], { cwd: project });
  command("README.md's first example runs", NODE, ["example.ts"], {
    cwd: project,
    timeout: EXAMPLE_TIMEOUT,
    env: projectEnv({ BATON_STORE: `sqlite:${join(project, "example.db")}` }),
  });
}

function checkProgram() {
  const version = command("the CLI starts", "npx", ["--no-install", "baton", "--version"], { cwd: project }).trim();
  if (version !== manifest.version) throw new Failure(`baton --version says ${version}; package.json says ${manifest.version}.`);
  console.log(`ok  the CLI is version ${version}`);
}

/** Runs a command that must end well, and returns what it printed. */
function command(claim, program, args, options = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd: ROOT,
    env: projectEnv(),
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    timeout: STEP_TIMEOUT,
    shell: process.platform === "win32" && /^np[mx]$/.test(program),
    ...options,
  });
  if (status !== 0) {
    const how = error?.code === "ETIMEDOUT" ? `did not end within ${(options.timeout ?? STEP_TIMEOUT) / 1000} s` : (error?.message ?? `ended with ${status ?? signal}`);
    throw new Failure(`Not so: ${claim}.\n${[program, ...args].join(" ")} ${how}\n${stdout ?? ""}${stderr ?? ""}`.trimEnd());
  }
  console.log(`ok  ${claim}`);
  return stdout;
}

function read(name) {
  const path = join(ROOT, name);
  if (!existsSync(path)) throw new Failure(`${name} is missing.`);
  return readFileSync(path, "utf8");
}
