/* A Redis or Valkey server for the tests: the one on the PATH, else installed with the system's package manager. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { run, say, stop, succeeds } from "./project.mjs";

const SERVERS = ["redis-server", "valkey-server"];

/** Each package manager, and the packages that bring a server, the best first. */
const MANAGERS = [
  { command: "apt-get", root: true, install: ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"], packages: ["redis-server", "valkey-server"] },
  { command: "dnf", root: true, install: ["install", "-y"], packages: ["valkey", "redis"] },
  { command: "apk", root: true, install: ["add"], packages: ["redis", "valkey"] },
  { command: "pacman", root: true, install: ["-Sy", "--noconfirm"], packages: ["valkey", "redis"] },
  { command: "brew", root: false, install: ["install"], packages: ["redis", "valkey"] },
];

/** The server program on the PATH. */
function serverOnPath() {
  return SERVERS.find((server) => succeeds(server, ["--version"]));
}

/** Makes sure of a server program on the PATH. Starts none. */
export function ensureServer() {
  if (serverOnPath() !== undefined) return;
  const manager = MANAGERS.find(({ command }) => succeeds(command, ["--version"]));
  if (manager === undefined) {
    stop(
      "The tests need redis-server (7.0 or newer) or valkey-server (7.2 or newer) on the PATH, and there is none.\n" +
        "This machine has none of the package managers known here (apt-get, dnf, apk, pacman, brew).\n" +
        (process.platform === "win32" ? "On Windows, run the tests in WSL. " : "") +
        "Install one of the two, and run the command again.",
    );
  }
  const byHand = `${manager.root ? "sudo " : ""}${manager.command} ${manager.install[0]} ${manager.packages[0]}`;
  const asRoot = manager.root ? rootPrefix() : [];
  if (asRoot === undefined) {
    stop(
      "The tests need redis-server or valkey-server on the PATH, and there is none.\n" +
        `Installing it takes root, and sudo asks for a password here. Run:  ${byHand}`,
    );
  }
  const portWasOpen = defaultPortIsOpen();
  if (!manager.packages.some((name) => install(manager, name, asRoot)) || serverOnPath() === undefined) {
    stop(
      `Neither ${manager.packages.join(" nor ")} could be installed; ${manager.command} says why above.\n` +
        "Install redis-server (7.0 or newer) or valkey-server (7.2 or newer) so that it is on the PATH, and run the command\n" +
        `again. Perhaps:  ${byHand}`,
    );
  }
  if (!portWasOpen && defaultPortIsOpen()) stopService(asRoot);
}

function install(manager, name, asRoot) {
  const args = [...manager.install, name];
  say(`Installing ${name} (${manager.command} ${args.join(" ")}): the tests need a real server, and there is none on the PATH.`);
  return withoutServices(manager, asRoot, () => {
    if (runAsRoot(asRoot, manager.command, args) === 0) return true;
    if (manager.command !== "apt-get") return false;
    // A fresh container has no package lists, an old one has lists that name packages which are gone.
    say("Fetching the package lists first (apt-get update).");
    return runAsRoot(asRoot, "apt-get", ["update", "-qq"]) === 0 && runAsRoot(asRoot, manager.command, args) === 0;
  });
}

function runAsRoot(asRoot, command, args) {
  const [program, ...rest] = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", command, ...args];
  return run(program, rest);
}

/** What to put before a command so that root runs it; undefined if that takes a password. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return succeeds("sudo", ["-n", "true"]) ? ["sudo", "-n"] : undefined;
}

/** Debian starts services as it installs them, unless this file, which it asks first, says no. */
function withoutServices(manager, asRoot, work) {
  const policy = "/usr/sbin/policy-rc.d";
  if (manager.command !== "apt-get" || existsSync(policy) || asRoot.length > 0) return work();
  writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return work();
  } finally {
    rmSync(policy, { force: true });
  }
}

/** The package may have started its service, which the tests have no use for. */
function stopService(asRoot) {
  for (const service of ["redis-server", "valkey-server", "redis", "valkey"]) {
    const [program, ...rest] = [...asRoot, "service", service, "stop"];
    if (succeeds(program, rest) && !defaultPortIsOpen()) {
      say(`Stopped the service ${service} that the installation had started.`);
      return;
    }
  }
  say("The installation started a server on port 6379. The tests don't use it; stop it if you have no use for it.");
}

function defaultPortIsOpen() {
  const probe =
    'require("net").connect(6379, "127.0.0.1").on("connect", () => process.exit(0)).on("error", () => process.exit(1));' +
    "setTimeout(() => process.exit(1), 1000)";
  return spawnSync(process.execPath, ["-e", probe], { stdio: "ignore" }).status === 0;
}
