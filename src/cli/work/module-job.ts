import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Handler, HandlerContext, Message } from "../../index.ts";
import { CliError, EXIT } from "../exit.ts";
import type { Job } from "./job.ts";

/** Hands each message to the function a module exports by default. */
export class ModuleJob implements Job {
  readonly handler: Handler<unknown>;
  /** The library hands back by itself: a function can only be asked to end, by its signal. */
  readonly endTakes: number = 0;

  private constructor(handler: Handler<unknown>) {
    this.handler = handler;
  }

  /** @throws CliError `BATON_CLI_USAGE` if the module can't be loaded or exports no function. */
  static async load(path: string): Promise<ModuleJob> {
    const url = pathToFileURL(resolve(path)).href;
    let module: unknown;
    try {
      module = await import(url);
    } catch (cause) {
      const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      throw new CliError("BATON_CLI_USAGE", EXIT.usage, `The module ${path} could not be loaded: ${why}`, { cause });
    }
    const exported: unknown = typeof module === "object" && module !== null && "default" in module ? module.default : undefined;
    if (typeof exported !== "function") {
      throw new CliError("BATON_CLI_USAGE", EXIT.usage, `The module ${path} exports no function by default. Write: export default async (message, { signal }) => { … }`);
    }
    return new ModuleJob((message: Message, context: HandlerContext): unknown => (exported as Handler<unknown>)(message, context));
  }

  end(): void {}

  outcome(): Readonly<Record<string, unknown>> {
    return {};
  }
}
