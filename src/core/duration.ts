import ms from "ms";
import { UsageError } from "./errors.ts";
import { describe } from "./options.ts";

/** Milliseconds, or a string such as `"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"7 days"`. */
export type Duration = number | string;

/** The longest duration Baton takes: a hundred years. */
const LONGEST_MS = 100 * 365.25 * 24 * 3_600_000;

/** The longest text worth parsing; `ms` refuses longer ones by throwing. */
const LONGEST_TEXT = 100;

/**
 * A duration as whole milliseconds.
 *
 * @param name what the duration is for, as the user wrote it; it goes into the error.
 * @throws UsageError `BATON_DURATION_INVALID` for anything that is not a duration from 0 to a hundred years.
 */
export function parseDuration(value: Duration, name: string): number {
  const parsed = typeof value === "number" ? value : parseText(value);
  if (parsed === undefined || !Number.isFinite(parsed) || parsed < 0 || parsed > LONGEST_MS) {
    throw new UsageError(
      "BATON_DURATION_INVALID",
      `${name} is ${describe(value)}, which is not a duration. ` +
        `Give milliseconds as a number from 0 up, or a string like "500ms", "30s", "5m", "2h" or "7d".`,
    );
  }
  return Math.round(parsed);
}

function parseText(value: unknown): number | undefined {
  if (typeof value !== "string" || value.trim() === "" || value.length > LONGEST_TEXT) return undefined;
  // `ms` is typed for literals it knows; it answers undefined for any other text.
  const parse: (text: ms.StringValue) => number | undefined = ms;
  return parse(value.trim() as ms.StringValue);
}
