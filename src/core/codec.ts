import { BodyError } from "./errors.ts";

/**
 * How a body is written in the store.
 *
 * - `json`: JSON text; what `send` writes.
 * - `base64`: bytes; what `send` writes for a `Uint8Array`.
 * - `raw`: text pushed by a program without Baton. JSON if it parses as JSON, else the text itself as a string.
 */
export type Codec = "json" | "base64" | "raw";

/** A body as the store keeps it. */
export interface EncodedBody {
  readonly codec: Codec;
  readonly data: string;
}

/** The largest encoded body taken by default, in bytes. */
export const DEFAULT_MAX_BODY_BYTES: number = 1024 * 1024;

/**
 * Writes a body as text.
 *
 * @param what the body, as an error calls it: `The body for queue "emails"`.
 * @param maxBytes the largest encoded size taken.
 * @throws BodyError `BATON_BODY_UNSERIALIZABLE` if JSON can't write it, `BATON_BODY_TOO_LARGE` if it is over the limit.
 */
export function encodeBody(body: unknown, what: string, maxBytes: number): EncodedBody {
  const encoded: EncodedBody =
    body instanceof Uint8Array
      ? { codec: "base64", data: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64") }
      : { codec: "json", data: toJson(body, what) };
  const bytes = Buffer.byteLength(encoded.data);
  if (bytes > maxBytes) {
    throw new BodyError(
      "BATON_BODY_TOO_LARGE",
      `${what} is ${bytes} bytes once encoded; the limit is ${maxBytes}. ` +
        "Keep large data elsewhere and send where it is, or raise maxBodyBytes in connect().",
    );
  }
  return encoded;
}

function toJson(body: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw new BodyError(
      "BATON_BODY_UNSERIALIZABLE",
      `${what} can't be written as JSON: ${firstLine(cause)}. ` +
        "Send plain data: no cycles, no BigInt; ids instead of objects that refer to each other.",
      { cause },
    );
  }
  if (text === undefined) {
    throw new BodyError(
      "BATON_BODY_UNSERIALIZABLE",
      `${what} is ${typeof body}, which JSON has no form for. Send null for "nothing".`,
    );
  }
  return text;
}

/**
 * Reads a body back.
 *
 * @param id the message's id, for the error.
 * @throws BodyError `BATON_BODY_UNREADABLE` if the text is not of its codec, or the codec is unknown.
 */
export function decodeBody(body: EncodedBody, queue: string, id: string): unknown {
  switch (body.codec) {
    case "json":
      try {
        return JSON.parse(body.data);
      } catch (cause) {
        throw unreadable(queue, id, `its text is not JSON (${firstLine(cause)})`, cause);
      }
    case "base64":
      return new Uint8Array(Buffer.from(body.data, "base64"));
    case "raw":
      try {
        return JSON.parse(body.data);
      } catch {
        return body.data;
      }
    default:
      throw unreadable(queue, id, `its codec is ${JSON.stringify(body.codec)}, which this version does not know`);
  }
}

function unreadable(queue: string, id: string, why: string, cause?: unknown): BodyError {
  return new BodyError(
    "BATON_BODY_UNREADABLE",
    `The body of message ${id} in queue "${queue}" can't be read: ${why}. It was written by another program or version.`,
    { cause },
  );
}

function firstLine(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n", 1)[0] ?? text;
}
