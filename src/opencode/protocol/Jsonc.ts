/**
 * JSON with comments and trailing commas, as OpenCode's configuration files may have them.
 */
import { Option, Schema } from "effect"

/** Strings are matched so that what is in them stays. Each alternative ends where it must, or at the end: linear. */
const comments = /"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*(?:[\s\S]*?\*\/|[\s\S]*)/g
const trailing = /"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g

const keepStrings = (found: string): string => found.startsWith("\"") ? found : ""

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/** The object that the text is; none if it is no object. */
export const parse = (text: string): Option.Option<Readonly<Record<string, unknown>>> =>
  decode(text.replaceAll(comments, keepStrings).replaceAll(trailing, keepStrings))
