/**
 * What a command says about itself, on stderr: stdout is for what was asked for. With `--json` each note is a JSON object,
 * so that a program reading stderr finds nothing else there.
 */
export class Notes {
  readonly #json: boolean;
  /** Called before a note, to clear a progress bar that stands where it goes. */
  beforeNote: (() => void) | undefined;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** @param fields what the text says, for programs. */
  say(text: string, fields: Readonly<Record<string, unknown>>): void {
    this.beforeNote?.();
    process.stderr.write(this.#json ? `${JSON.stringify(fields)}\n` : `${text}\n`);
  }
}

/** `1 message`, `2 messages`, `12,000 messages`. */
export function countOf(count: number, thing: string): string {
  return `${count.toLocaleString("en-US")} ${thing}${count === 1 ? "" : "s"}`;
}
