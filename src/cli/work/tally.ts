import { BatonError, type Message, type Worker } from "../../index.ts";
import { bodyField } from "../body.ts";
import { countOf, type Notes } from "../notes.ts";
import { printJson } from "../output.ts";
import type { Job } from "./job.ts";

/** Counts what becomes of a worker's messages, and tells: as JSON events on stdout, or what went wrong on stderr. */
export class Tally {
  handled = 0;
  failed = 0;
  dead = 0;
  lost = 0;
  handedBack = 0;
  readonly #queue: string;
  readonly #notes: Notes;
  readonly #json: boolean;
  readonly #attempts: number;
  readonly #started: number = performance.now();
  readonly #told = new Set<string>();

  constructor(queue: string, notes: Notes, json: boolean, attempts: number) {
    this.#queue = queue;
    this.#notes = notes;
    this.#json = json;
    this.#attempts = attempts;
  }

  /** Listens to the worker. */
  follow(worker: Worker<unknown>, job: Job): void {
    worker.on("done", (message) => {
      if (message.outcome === "released") {
        this.back(message, undefined);
        return;
      }
      this.handled += 1;
      if (message.outcome === "dead") this.dead += 1;
      this.#event(message.outcome === "dead" ? "dead" : "done", message, job.outcome(message));
    });
    worker.on("failed", (message, error) => {
      this.failed += 1;
      const dead = message.outcome === "dead";
      if (dead) this.dead += 1;
      const text = error instanceof Error ? error.message : String(error);
      this.#event(dead ? "dead" : "failed", message, { error: text, ...job.outcome(message) });
      this.#say(`baton: message ${message.id}, attempt ${message.attempt} of ${this.#attempts} failed${dead ? "; it is dead" : ""}: ${firstLine(text)}`);
    });
    worker.on("lost", (message, error) => {
      this.lost += 1;
      this.#event("lost", message, { error: error.message });
      this.#say(`baton: ${error.message} [${error.code}]`);
    });
    worker.on("unreadable", (id, error) => {
      this.dead += 1;
      this.#write({ event: "dead", id, queue: this.#queue, error: error.message });
      this.#say(`baton: message ${id} is dead: ${error.message}`);
    });
    worker.on("problem", (error) => this.problem(error));
  }

  /** A message was given back unfinished, because the worker stops or (with a problem) its command could not be started. */
  back(message: Message, problem: Error | undefined): void {
    this.handedBack += 1;
    this.#event("handed-back", message, problem === undefined ? {} : { error: problem.message });
    if (problem !== undefined) this.problem(problem);
  }

  /** Something keeps the worker from working; it goes on trying, so each kind is told once. */
  problem(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const code = error instanceof BatonError ? error.code : text;
    if (this.#told.has(code)) return;
    this.#told.add(code);
    this.#notes.say(`baton: a problem, trying again: ${text}`, { event: "problem", message: text, code });
  }

  /** The last word. */
  end(): void {
    const { handled, failed, dead, lost, handedBack } = this;
    const seconds = Number(((performance.now() - this.#started) / 1000).toFixed(3));
    this.#write({ event: "end", queue: this.#queue, handled, failed, dead, lost, handedBack, seconds });
    const rest = [lost > 0 ? `${lost} lost` : "", handedBack > 0 ? `${handedBack} handed back` : ""].filter((text) => text !== "");
    const parts = [`handled ${countOf(handled, "message")}`, countOf(failed, "failed attempt"), `${dead} dead`, ...rest];
    this.#say(`${parts.join(", ")} in ${seconds.toFixed(1)} s`);
  }

  #event(event: string, message: Message, fields: Readonly<Record<string, unknown>>): void {
    this.#write({ event, id: message.id, queue: message.queue, attempt: message.attempt, ...bodyField(message.body), ...fields });
  }

  #write(event: Readonly<Record<string, unknown>>): void {
    // A reader that went away stops the worker elsewhere.
    if (this.#json) printJson(event).catch(() => {});
  }

  #say(text: string): void {
    if (!this.#json) this.#notes.say(text, {});
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
