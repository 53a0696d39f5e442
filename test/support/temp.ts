import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./at-end.ts";

/** A directory of its own for a test. */
export interface TempDirectory extends Disposable {
  readonly path: string;
  /** The path of a file in it. */
  file(name: string): string;
  /** Removes it with all that is in it. Idempotent; done at the end of the process at the latest. */
  remove(): void;
}

/** Makes an empty directory that is removed when it is disposed of, or when the process ends. */
export function tempDirectory(): TempDirectory {
  const path = mkdtempSync(join(tmpdir(), "baton-"));
  const clear = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  const takeBack = atEnd(clear);
  const remove = (): void => {
    clear();
    takeBack();
  };
  return { path, file: (name) => join(path, name), remove, [Symbol.dispose]: remove };
}
