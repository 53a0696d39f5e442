import { isUtf8 } from "node:buffer";
import type { MessageInfo } from "../index.ts";

/** A body as bytes for a pipe: text and bytes as they are, anything else as JSON text. */
export function bodyBytes(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : Buffer.from(bodyText(body));
}

/** A body that is not bytes, as text. */
export function bodyText(body: unknown): string {
  return typeof body === "string" ? body : (JSON.stringify(body) ?? "null");
}

/** A body as a line of output. Bytes stay as they are; text gets the end of line it lacks, so the next begins on its own. */
export function bodyLine(body: unknown): string | Uint8Array {
  if (body instanceof Uint8Array) return body;
  const text = bodyText(body);
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** The field of a JSON object that has a body: `body`, or `bodyBase64` for bytes, which JSON can't hold. */
export function bodyField(body: unknown): { body?: unknown; bodyBase64?: string } {
  return body instanceof Uint8Array ? { bodyBase64: Buffer.from(body).toString("base64") } : { body };
}

/** A message as JSON shows it. */
export function infoJson({ body, ...rest }: MessageInfo): Readonly<Record<string, unknown>> {
  return { ...rest, ...bodyField(body) };
}

/** A body in one line of at most `width` characters, without anything a terminal would obey. */
export function bodyPreview(body: unknown, width: number): string {
  if (body === undefined) return "(unreadable)";
  const text = body instanceof Uint8Array ? `(${body.length} bytes)` : JSON.stringify(typeof body === "string" ? body.slice(0, width) : body);
  const whole = typeof body !== "string" || body.length <= width;
  return whole && text.length <= width ? text : `${text.slice(0, width - 1).toWellFormed()}…`;
}

/** What a file holds, as a body: text if it is UTF-8 without NUL, else bytes. */
export function fileBody(content: Buffer): string | Uint8Array {
  return isUtf8(content) && !content.includes(0) ? content.toString("utf8") : new Uint8Array(content);
}
