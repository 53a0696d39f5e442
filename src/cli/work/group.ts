import type { ChildProcess } from "node:child_process";

/** How long a command may take to end after SIGTERM, in milliseconds. */
export const KILL_AFTER_MS = 5000;
const LOOK_EVERY_MS = 50;

const isPosix: boolean = process.platform !== "win32";
const running = new Set<Group>();
let watching = false;

/**
 * The process group of a command: the shell and all that it started. A group of its own, so that Ctrl-C in the terminal
 * does not reach it, and so that all of it can be ended.
 */
export class Group {
  readonly #child: ChildProcess;
  #ending: Promise<void> | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    running.add(this);
    if (!watching) {
      watching = true;
      // However this process ends, short of SIGKILL: its commands do not go on without it.
      process.on("exit", () => {
        for (const group of running) group.#signal("SIGKILL");
      });
    }
  }

  /** Asks all to end with SIGTERM, and makes them with SIGKILL five seconds later. Resolves when none is left. Idempotent. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** The command is over; what it left running in the background is its own business, unless it was to be ended. */
  async over(): Promise<void> {
    await this.#ending;
    running.delete(this);
  }

  async #end(): Promise<void> {
    const deadline = performance.now() + KILL_AFTER_MS;
    this.#signal("SIGTERM");
    while (this.#isAlive()) {
      if (performance.now() > deadline) {
        this.#signal("SIGKILL");
        return;
      }
      await new Promise((resolve) => void setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Whether any process of the group is there; the shell may have ended before those it started. */
  #isAlive(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined) return false;
    if (!isPosix) return exitCode === null && signalCode === null;
    try {
      process.kill(-pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (isPosix) process.kill(-pid, signal);
      else this.#child.kill(signal);
    } catch {
      // It has ended by itself.
    }
  }
}
