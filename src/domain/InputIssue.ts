/**
 * Issues of a value that came in: where, and what was expected there. Never the value itself, which may be a secret or
 * a whole prompt.
 *
 * @since 0.1.0
 */
import { Schema, SchemaIssue } from "effect"

/**
 * One issue. `path` names the place as in JavaScript (`attachments[0].mime`); it is empty for the whole value.
 *
 * @since 0.1.0
 * @category schemas
 */
export const InputIssue = Schema.Struct({ path: Schema.String, reason: Schema.String })

/**
 * @since 0.1.0
 * @category models
 */
export type InputIssue = typeof InputIssue.Type

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const pathOf = (keys: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>): string =>
  keys.reduce<string>((path, part) => {
    const key = typeof part === "object" ? part.key : part
    return typeof key === "number" ? `${path}[${key}]` : path === "" ? String(key) : `${path}.${String(key)}`
  }, "")

/**
 * The issues of a failed decoding, in the order of detection.
 *
 * @since 0.1.0
 * @category conversions
 */
export const of = (error: Schema.SchemaError): ReadonlyArray<InputIssue> =>
  issuesOf(error.issue).issues.map(({ message, path = [] }) => ({ path: pathOf(path), reason: message }))

/**
 * Of a value that throws where it is looked at: a getter, a proxy, a structure that is deeper than the stack.
 *
 * @since 0.1.0
 * @category constants
 */
export const unreadable: InputIssue = { path: "", reason: "Expected a value that can be read" }

/** An error names at most so many issues: the caller chooses how long its input is, and so how many there are. */
const maxIssues = 32

/**
 * The first 32 issues, and how many more there are, if any.
 *
 * @since 0.1.0
 * @category conversions
 */
export const bounded = (
  issues: ReadonlyArray<InputIssue>
): { readonly issues: ReadonlyArray<InputIssue>; readonly omitted?: number } =>
  issues.length <= maxIssues
    ? { issues }
    : { issues: issues.slice(0, maxIssues), omitted: issues.length - maxIssues }

/**
 * The issues in one line, separated by semicolons, and how many more there are.
 *
 * @since 0.1.0
 * @category formatting
 */
export const format = (issues: ReadonlyArray<InputIssue>, omitted = 0): string =>
  [
    ...issues.map(({ path, reason }) => path === "" ? reason : `${path}: ${reason}`),
    ...(omitted === 0 ? [] : [`and ${omitted} more`])
  ].join("; ")
