import { BrokenPipe } from "./exit.ts";

let broken = false;
const onBroken = new Set<() => void>();

/** Call once, first: a reader that went away must not become an uncaught error. */
export function watchOutput(): void {
  process.stdout.on("error", () => {
    broken = true;
    for (const listener of onBroken) listener();
  });
  // Nobody is left to be told that stderr is closed.
  process.stderr.on("error", () => {});
}

/**
 * Writes to stdout; resolves when it has left this process, so whoever awaits it is never faster than the reader.
 *
 * @throws BrokenPipe if the reader went away.
 */
export function print(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (broken) reject(new BrokenPipe());
    else process.stdout.write(data, (error) => (error ? reject(new BrokenPipe()) : resolve()));
  });
}

/** Writes one JSON document, on one line. */
export function printJson(value: unknown): Promise<void> {
  return print(`${JSON.stringify(value)}\n`);
}

/** Calls `listener` when the reader of stdout goes away. Returns a function that stops it. */
export function whenBroken(listener: () => void): () => void {
  if (broken) listener();
  onBroken.add(listener);
  return () => onBroken.delete(listener);
}

let roomOnStderr: Promise<void> | undefined;

/** Resolves when stderr takes more, or never will; for those who pass on what they do not bound themselves. */
export function stderrRoom(): Promise<void> {
  if (!process.stderr.writableNeedDrain) return Promise.resolve();
  roomOnStderr ??= new Promise<void>((resolve) => {
    const done = (): void => {
      process.stderr.off("drain", done).off("close", done);
      roomOnStderr = undefined;
      resolve();
    };
    process.stderr.on("drain", done).on("close", done);
  });
  return roomOnStderr;
}

/** Resolves when all that was written has left this process, or never will. */
export async function flushOutput(): Promise<void> {
  const flushed = [process.stdout, process.stderr].map(
    (stream) =>
      new Promise<void>((resolve) => {
        if (stream.destroyed || stream.writableLength === 0) resolve();
        else stream.write("", () => resolve());
      }),
  );
  await Promise.all(flushed);
}
