import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createServer, Socket } from "node:net";
import { delimiter, join } from "node:path";
import { atEnd } from "./at-end.ts";
import { tempDirectory } from "./temp.ts";
import type { TempDirectory } from "./temp.ts";

export interface RedisServerOptions {
  /** `redis-server`, `valkey-server` or a path; default `redis-server`, or `valkey-server` if there is only that. */
  readonly binary?: string;
  /** More arguments, after `--save '' --appendonly no`, so that they win. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
}

/** Another program may take a free port before the server does. */
const MOST_TRIES = 10;
/** Characters kept of what the server says. */
const LOG_LENGTH = 64_000;

const READY = /Ready to accept connections/;
const IN_USE = /Address already in use/i;

/** A real server with a port and a directory of its own. */
export class RedisServer {
  readonly binary: string;
  readonly port: number;
  readonly #args: readonly string[];
  readonly #directory: TempDirectory;
  #child: ChildProcess | undefined;
  #log = "";

  private constructor(binary: string, port: number, args: readonly string[], directory: TempDirectory) {
    this.binary = binary;
    this.port = port;
    this.#args = args;
    this.#directory = directory;
  }

  /** Starts a server; resolves when it accepts connections. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const binary = options.binary ?? findOnPath("redis-server") ?? findOnPath("valkey-server") ?? "redis-server";
    const directory = tempDirectory();
    try {
      for (let tries = 1; ; tries += 1) {
        const port = options.port ?? (await freePort());
        const server = new RedisServer(binary, port, options.args ?? [], directory);
        try {
          await server.#start();
          return server;
        } catch (error) {
          if (options.port !== undefined || tries >= MOST_TRIES || !IN_USE.test(server.log)) throw error;
        }
      }
    } catch (error) {
      directory.remove();
      throw error;
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Where it keeps its files, if it is told to. */
  get directory(): string {
    return this.#directory.path;
  }

  /** Undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The last of what it said since it was started. */
  get log(): string {
    return this.#log;
  }

  /** Ends it by SIGKILL. `restart` brings it back. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Ends it by SIGTERM if it runs, and starts it again: the same port, the same directory. */
  async restart(): Promise<void> {
    await this.#end("SIGTERM");
    await this.#start();
  }

  /** Ends it for good and removes its directory. Idempotent. */
  async stop(): Promise<void> {
    await this.#end("SIGKILL");
    this.#directory.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    const where = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#directory.path];
    const child = spawn(this.binary, [...where, "--save", "", "--appendonly", "no", ...this.#args], {
      cwd: this.#directory.path,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const takeBack = atEnd(() => child.kill("SIGKILL"));
    child.once("exit", takeBack);
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let said = "";
    const hear = (chunk: string): void => {
      said = (said + chunk).slice(-LOG_LENGTH);
      this.#log = said;
      if (READY.test(said)) resolve();
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    child.once("error", (cause) => {
      takeBack();
      this.#child = undefined;
      reject(isMissing(cause) ? missing(this.binary, cause) : cause);
    });
    child.once("close", (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      reject(new Error(`${this.binary} ended (${code ?? signal}) before it accepted connections:\n${said}`));
    });
    await promise;
    // A server that a test forgot to stop must not keep the process from ending, which kills it.
    setHold(child, false);
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once("close", () => resolve());
    setHold(child, true);
    child.kill(signal);
    await promise;
  }
}

/** The path of `valkey-server`, if it is on the PATH. */
export function valkeyBinary(): string | undefined {
  return findOnPath("valkey-server");
}

function findOnPath(name: string): string | undefined {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    server.close(() => resolve(port));
  });
  return promise;
}

function isMissing(cause: Error): boolean {
  return "code" in cause && cause.code === "ENOENT";
}

function missing(binary: string, cause: Error): Error {
  return new Error(
    `The tests need a real server, and there is no ${binary} on the PATH. Install Redis 7.0 or newer, or Valkey 7.2 or newer: ` +
      "Debian and Ubuntu: apt-get install -y redis-server; Fedora: dnf install -y valkey; Alpine: apk add redis; macOS: brew install redis.",
    { cause },
  );
}

function setHold(child: ChildProcess, hold: boolean): void {
  for (const part of [child, child.stdout, child.stderr]) {
    if (part !== child && !(part instanceof Socket)) continue;
    if (hold) part.ref();
    else part.unref();
  }
}
