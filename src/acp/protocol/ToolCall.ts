/**
 * A tool call of the agent's, as `tool_call`, `tool_call_update` and `session/request_permission` tell of it. Each
 * tells only what is new, so what is known of one is merged.
 */
import { Schema } from "effect"
import { NativeId } from "../../adapter/NativeId.ts"
import { list, maybe, text } from "./Lenient.ts"

/** One shape for all kinds: each has its own few of these fields. */
export const ContentBlock = Schema.Struct({
  type: Schema.String,
  text,
  uri: text,
  name: text,
  mimeType: text,
  data: text
})

export type ContentBlock = typeof ContentBlock.Type

const Content = Schema.Struct({
  type: Schema.String,
  content: maybe(ContentBlock),
  path: text,
  oldText: text,
  newText: text
})

export const fields = {
  toolCallId: NativeId,
  title: text,
  name: text,
  kind: text,
  status: text,
  content: list(Content),
  locations: list(Schema.Struct({ path: Schema.String, line: maybe(Schema.Int) })),
  rawInput: Schema.optionalKey(Schema.Unknown),
  rawOutput: Schema.optionalKey(Schema.Unknown),
  _meta: Schema.optionalKey(Schema.Unknown)
}

export const ToolCall = Schema.Struct(fields)

export type ToolCall = typeof ToolCall.Type

/** With what is new. An empty input says nothing: some agents tell the real one later. */
export const merge = (known: ToolCall | undefined, next: ToolCall): ToolCall => {
  if (known === undefined) return next
  const said = Object.entries(next).filter(([key, value]) =>
    value != null && !(key === "rawInput" && isEmpty(value)) && !(key === "content" && isEmpty(value))
  )
  return { ...known, ...Object.fromEntries(said), toolCallId: next.toolCallId }
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0

/** The path, what was there before (`undefined`: no such file) and what is to be there. */
export interface Diff {
  readonly path: string
  readonly before: string | undefined
  readonly after: string
}

export const diffsOf = ({ content }: ToolCall): ReadonlyArray<Diff> =>
  (content ?? []).flatMap((entry) =>
    entry?.type === "diff" && entry.path != null
      ? [{ path: entry.path, before: entry.oldText ?? undefined, after: entry.newText ?? "" }]
      : []
  )

export const pathsOf = (call: ToolCall): ReadonlyArray<string> => {
  const changed = diffsOf(call).map(({ path }) => path)
  return changed.length > 0 ? changed : (call.locations ?? []).flatMap((location) => location?.path ?? [])
}

/** What the call gave back. */
export const blocksOf = ({ content }: ToolCall): ReadonlyArray<ContentBlock> =>
  (content ?? []).flatMap((entry) => entry?.type === "content" && entry.content != null ? [entry.content] : [])

export const textOf = (call: ToolCall): string =>
  blocksOf(call).flatMap(({ text, type }) => type === "text" ? [text ?? ""] : []).join("\n")
