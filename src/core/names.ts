import { UsageError } from "./errors.ts";
import { describe } from "./options.ts";

const LONGEST_NAME = 128;
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._/@-]*$/u;

/**
 * Checks a queue's name: 1 to 128 letters, digits, `.`, `_`, `-`, `/` or `@`, the first a letter or a digit.
 *
 * Braces would break Redis's hash tags, a colon is kept for partitions (`name:3`), and white space or control
 * characters could not be told apart in a terminal.
 *
 * @throws UsageError `BATON_QUEUE_NAME_INVALID`
 */
export function checkQueueName(name: string): string {
  if (typeof name !== "string" || name.length > LONGEST_NAME || !NAME.test(name)) {
    throw new UsageError(
      "BATON_QUEUE_NAME_INVALID",
      `${describe(name)} can't be a queue's name. ` +
        `Use 1 to ${LONGEST_NAME} letters, digits, ".", "_", "-", "/" or "@", beginning with a letter or a digit.`,
    );
  }
  return name;
}
