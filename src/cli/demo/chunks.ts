import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** A piece of a file, as the demo sends it. */
export interface Chunk {
  /** Its place among all chunks. */
  readonly n: number;
  readonly path: string;
  readonly data: string;
}

/** What a worker makes of a chunk. */
export interface Digest {
  readonly sha256: string;
  readonly bytes: number;
}

const LEAST_MESSAGES = 2000;
const MOST_BYTES = 64 * 1024 * 1024;
const LARGEST_CHUNK = 32 * 1024;
const SKIPPED = new Set(["node_modules", ".git", "dist", ".baton"]);

/** All files below a folder, sorted by path, but for what is not anybody's own work. Stops at 64 MiB in all. */
export function findFiles(folder: string): string[] {
  const found: string[] = [];
  let bytes = 0;
  const visit = (directory: string): void => {
    const entries = readdirSync(directory, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (bytes >= MOST_BYTES) return;
      const path = join(directory, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) visit(path);
      else if (entry.isFile()) {
        bytes += statSync(path).size;
        found.push(path);
      }
    }
  };
  visit(folder);
  return found;
}

/** The size that cuts the files into the 2,000 messages the demo wants, or into more if they are large. */
export function chunkSizeFor(files: readonly string[]): number {
  const total = files.reduce((sum, path) => sum + statSync(path).size, 0);
  return Math.min(LARGEST_CHUNK, Math.max(1, Math.floor(total / (LEAST_MESSAGES * 1.2))));
}

/** The files' pieces, in order. */
export function* cut(folder: string, files: readonly string[], size: number): Generator<Chunk> {
  let n = 0;
  for (const file of files) {
    const content = readFileSync(file);
    for (let at = 0; at === 0 || at < content.length; at += size) {
      yield { n, path: relative(folder, file), data: content.subarray(at, at + size).toString("base64") };
      n += 1;
    }
  }
}

export function digest(chunk: Pick<Chunk, "data">): Digest {
  const bytes = Buffer.from(chunk.data, "base64");
  return { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
}
