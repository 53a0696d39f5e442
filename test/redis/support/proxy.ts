import { createServer, connect, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** What a proxy does with what passes through it. */
export type Mode = "pass" | "stall" | "stall replies";

/** A TCP proxy that stalls, drops and delays. */
export class Proxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly port: number;
  /** Stalled bytes are kept, not lost, as by a network that hangs. */
  mode: Mode = "pass";
  /** Milliseconds each piece is late. */
  delay = 0;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    server.on("connection", (client) => this.#join(client, connect(target, "127.0.0.1")));
  }

  static async start(target: number): Promise<Proxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return new Proxy(server, typeof address === "object" && address !== null ? address.port : 0, target);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Ends all connections at once, as a reset would. */
  drop(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, server: Socket): void {
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [from, to, replies] of [[client, server, false], [server, client, true]] as const) {
      from.setNoDelay(true);
      from.on("error", () => {});
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
      from.on("data", (data) => {
        const stalled = this.mode === "stall" || (this.mode === "stall replies" && replies);
        if (stalled) return;
        if (this.delay > 0) setTimeout(() => to.write(data), this.delay);
        else to.write(data);
      });
    }
  }
}
