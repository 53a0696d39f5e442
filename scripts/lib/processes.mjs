/* The processes of this machine, as far as /proc shows them: Linux only, elsewhere there are none to see. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * The processes, without those whose pids are in `except`: pid, parent, when it started (in clock ticks: tells a pid used
 * again from the one before) and command.
 */
export function processes(except = new Set()) {
  return list().flatMap((pid) => (except.has(pid) ? [] : (inspect(pid) ?? [])));
}

/** The process as it is now (one just forked still has its parent's command); undefined if it has ended. */
export function current({ pid, started }) {
  const now = inspect(pid);
  return now?.started === started ? now : undefined;
}

/** Whether the process has the marker in its environment, or works in the folder (redis-server wipes its environment). */
export function isMarked({ pid }, marker, folder) {
  if (read(pid, "environ")?.split("\0").includes(marker)) return true;
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    return cwd === folder || cwd.startsWith(`${folder}/`);
  } catch {
    return false;
  }
}

function inspect(pid) {
  const stat = read(pid, "stat");
  if (stat === undefined) return undefined;
  // The second field is the name in parentheses, and may have spaces and parentheses itself.
  const [state, parent, ...more] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? undefined : { pid, parent: Number(parent), started: more[17], command: commandOf(pid, stat) };
}

function list() {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}

function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}

function commandOf(pid, stat) {
  const line = (read(pid, "cmdline") ?? "").replaceAll("\0", " ").trim();
  if (line === "") return stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  return line.length <= 200 ? line : `${line.slice(0, 60)} … ${line.slice(-120)}`;
}
