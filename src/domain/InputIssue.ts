/**
 * What is wrong with a value that came in: where, and what was expected there. Never the value itself, which may be a
 * secret or a whole prompt.
 */
import { Schema, SchemaIssue } from "effect"

/** `path` names the place as JavaScript would (`attachments[0].mime`); it is empty for the whole value. */
export const InputIssue = Schema.Struct({ path: Schema.String, reason: Schema.String })
export type InputIssue = typeof InputIssue.Type

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const pathOf = (keys: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>): string =>
  keys.reduce<string>((path, part) => {
    const key = typeof part === "object" ? part.key : part
    return typeof key === "number" ? `${path}[${key}]` : path === "" ? String(key) : `${path}.${String(key)}`
  }, "")

/** The issues of a decoding that failed, in the order in which they were found. */
export const of = (error: Schema.SchemaError): ReadonlyArray<InputIssue> =>
  issuesOf(error.issue).issues.map(({ message, path = [] }) => ({ path: pathOf(path), reason: message }))

/** One line for each issue. */
export const format = (issues: ReadonlyArray<InputIssue>): string =>
  issues.map(({ path, reason }) => path === "" ? reason : `${path}: ${reason}`).join("; ")
