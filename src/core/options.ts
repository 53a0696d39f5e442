import { UsageError } from "./errors.ts";

/**
 * Refuses keys an options object must not have, naming the nearest known one.
 *
 * @param where the call, as the user wrote it (`queue.send`); it goes into the error.
 * @throws UsageError `BATON_OPTION_UNKNOWN`, or `BATON_OPTION_INVALID` when it is not an object at all.
 */
export function checkKeys(options: object | undefined, known: readonly string[], where: string): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new UsageError("BATON_OPTION_INVALID", `The options of ${where} must be an object, not ${describe(options)}.`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const list = known.length === 0 ? "It takes none." : `It takes: ${known.join(", ")}.`;
    throw new UsageError("BATON_OPTION_UNKNOWN", `${where} has no option ${JSON.stringify(key)}. ${list}`);
  }
}

/**
 * Checks that an option is a whole number within bounds.
 *
 * @throws UsageError `BATON_OPTION_INVALID`
 */
export function checkInteger(value: number, name: string, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    const bounds = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
    throw new UsageError("BATON_OPTION_INVALID", `${name} is ${describe(value)}; give a whole number ${bounds}.`);
  }
  return value;
}

/**
 * Checks that an option, if given, is an AbortSignal.
 *
 * @throws UsageError `BATON_OPTION_INVALID`
 */
export function checkSignal(value: AbortSignal | undefined, name: string): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw new UsageError("BATON_OPTION_INVALID", `${name} is ${describe(value)}; give an AbortSignal.`);
  }
  return value;
}

/** A value as an error message shows it. */
export function describe(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "an object";
  }
}
