import type { StandardSchemaV1 } from "@standard-schema/spec";

/** A Standard Schema written by hand: numbers, and nothing else. */
export const numbersOnly: StandardSchemaV1<number, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    // Asynchronous, as a schema may be.
    validate: (value) =>
      Promise.resolve(typeof value === "number" ? { value } : { issues: [{ message: "not a number", path: ["body"] }] }),
  },
};
