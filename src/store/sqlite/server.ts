import type { Database } from "./database.ts";
import type { Failure } from "./failures.ts";
import { toFailure } from "./failures.ts";
import { GroupCommit } from "./group.ts";
import type { GroupedAsk } from "./group.ts";
import { inspect } from "./inspect.ts";
import type { Ask, Reply, Wake } from "./protocol.ts";
import { Shrinker } from "./shrinker.ts";
import { WakeFile } from "./wake-file.ts";

type Answered = Extract<Reply, { kind: "answers" }>;

/** Answers requests: those that touch messages as one group, the others by themselves. */
export class Server {
  /** Whether it was asked to close, and has. */
  closed = false;
  readonly #db: Database;
  readonly #synchronous: "full" | "normal";
  readonly #group: GroupCommit;
  readonly #wakeFile: WakeFile;
  readonly #shrinker: Shrinker;
  #requests = 0;

  constructor(db: Database, synchronous: "full" | "normal") {
    this.#db = db;
    this.#synchronous = synchronous;
    this.#group = new GroupCommit(db);
    this.#wakeFile = new WakeFile(db.file);
    this.#shrinker = new Shrinker(db);
  }

  /** Answers requests, in order. If one of them is to close, it is the last. */
  serve(asks: readonly (readonly [id: number, ask: Ask])[]): Answered {
    const answers: unknown[] = [];
    const failures: (number | Failure)[] = [];
    const ids: number[] = [];
    const grouped: GroupedAsk[] = [];
    let close: number | undefined;
    for (const [id, ask] of asks) {
      switch (ask.verb) {
        case "close":
          close = id;
          break;
        case "inspect":
        case "pragma":
        case "statistics":
        case "touch":
          try {
            answers.push(id, this.#answer(ask));
          } catch (error) {
            failures.push(id, toFailure(error, this.#db.path, false));
          }
          break;
        default:
          ids.push(id);
          grouped.push(ask);
      }
    }
    const wakes = grouped.length === 0 ? [] : this.#runGroup(ids, grouped, answers, failures);
    if (close !== undefined) {
      this.#close(wakes.length > 0);
      answers.push(close, undefined);
    }
    return { kind: "answers", answers, failures, wakes };
  }

  #runGroup(ids: number[], asks: GroupedAsk[], answers: unknown[], failures: (number | Failure)[]): Wake[] {
    const commits = this.#db.commits;
    const { outcomes, wakes } = this.#group.run(asks);
    this.#requests += asks.length;
    if (this.#db.commits > commits) this.#shrinker.postpone();
    outcomes.forEach((outcome, i) => {
      const id = ids[i] ?? 0;
      if ("failure" in outcome) failures.push(id, outcome.failure);
      else answers.push(id, outcome.answer);
    });
    return wakes;
  }

  #answer(ask: Extract<Ask, { verb: "inspect" | "pragma" | "statistics" | "touch" }>): unknown {
    switch (ask.verb) {
      case "inspect":
        return inspect(this.#db, this.#synchronous);
      case "pragma":
        return this.#db.sql(`PRAGMA ${ask.text}`).get();
      case "statistics":
        return { requests: this.#requests, commits: this.#db.commits };
      case "touch":
        return this.#wakeFile.touch();
    }
  }

  #close(wakeOthers: boolean): void {
    this.closed = true;
    this.#shrinker.stop();
    // The main side takes no part any more in waking others.
    if (wakeOthers) this.#wakeFile.touch();
    this.#wakeFile.close();
    this.#db.close();
  }
}
