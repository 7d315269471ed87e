/**
 * OpenCode's messages and their parts, as far as they are used here (1.18.33). Unknown fields are ignored. The same
 * shapes come in event frames and from `session.messages`.
 */
import { Option, Schema } from "effect"
import { NativeId } from "../../adapter/NativeId.ts"
import { ItemId } from "../../domain/Ids.ts"

/** An error on a message or in `session.error`. `name` decides; the rest is for a human. */
export const ErrorInfo = Schema.Struct({
  name: Schema.String,
  data: Schema.optional(Schema.Struct({
    message: Schema.optional(Schema.String),
    statusCode: Schema.optional(Schema.Int),
    isRetryable: Schema.optional(Schema.Boolean)
  }))
})
export type ErrorInfo = typeof ErrorInfo.Type

export const UserInfo = Schema.Struct({
  id: NativeId,
  sessionID: Schema.String,
  role: Schema.Literal("user"),
  agent: Schema.optional(Schema.String),
  /** By the server's clock, in milliseconds since 1970. */
  time: Schema.optional(Schema.Struct({ created: Schema.optional(Schema.Finite) }))
})

export const AssistantInfo = Schema.Struct({
  id: NativeId,
  sessionID: Schema.String,
  role: Schema.Literal("assistant"),
  /** The user's message that it answers. */
  parentID: Schema.optional(Schema.String),
  agent: Schema.optional(Schema.String),
  providerID: Schema.optional(Schema.String),
  modelID: Schema.optional(Schema.String),
  /** Set on the answer of a compaction. */
  summary: Schema.optional(Schema.Boolean),
  finish: Schema.optional(Schema.String),
  error: Schema.optional(ErrorInfo),
  time: Schema.Struct({ created: Schema.optional(Schema.Finite), completed: Schema.optional(Schema.Finite) })
})
export type AssistantInfo = typeof AssistantInfo.Type

export const Info = Schema.Union([UserInfo, AssistantInfo])
export type Info = typeof Info.Type

// --- parts ---

const base = { id: ItemId, sessionID: Schema.String, messageID: Schema.String }

export const TextPart = Schema.Struct({
  ...base,
  type: Schema.Literals(["text", "reasoning"]),
  text: Schema.String,
  /** Written by OpenCode itself, not by the author of the message. */
  synthetic: Schema.optional(Schema.Boolean),
  ignored: Schema.optional(Schema.Boolean),
  time: Schema.optional(Schema.Struct({ end: Schema.optional(Schema.Finite) }))
})
export type TextPart = typeof TextPart.Type

const Values = Schema.Record(Schema.String, Schema.Unknown)

export const ToolPart = Schema.Struct({
  ...base,
  type: Schema.Literal("tool"),
  tool: Schema.String,
  callID: Schema.String,
  state: Schema.Struct({
    status: Schema.Literals(["pending", "running", "completed", "error"]),
    input: Values,
    output: Schema.optional(Schema.String),
    error: Schema.optional(Schema.String),
    title: Schema.optional(Schema.String),
    metadata: Schema.optional(Values),
    /** Files in its result, such as an image that was read. */
    attachments: Schema.optional(Schema.Array(Schema.Struct({
      mime: Schema.String,
      url: Schema.optional(Schema.String),
      filename: Schema.optional(Schema.String)
    }))),
    time: Schema.optional(Schema.Struct({
      start: Schema.optional(Schema.Finite),
      end: Schema.optional(Schema.Finite)
    }))
  })
})
export type ToolPart = typeof ToolPart.Type

export const StepFinishPart = Schema.Struct({
  ...base,
  type: Schema.Literal("step-finish"),
  cost: Schema.Finite,
  tokens: Schema.Struct({
    input: Schema.Finite,
    output: Schema.Finite,
    reasoning: Schema.Finite,
    cache: Schema.Struct({ read: Schema.Finite, write: Schema.Finite })
  })
})
export type StepFinishPart = typeof StepFinishPart.Type

export const CompactionPart = Schema.Struct({
  ...base,
  type: Schema.Literal("compaction"),
  auto: Schema.optional(Schema.Boolean),
  overflow: Schema.optional(Schema.Boolean)
})
export type CompactionPart = typeof CompactionPart.Type

export const FilePart = Schema.Struct({
  ...base,
  type: Schema.Literal("file"),
  mime: Schema.optional(Schema.String),
  filename: Schema.optional(Schema.String)
})
export type FilePart = typeof FilePart.Type

export type Part = TextPart | ToolPart | StepFinishPart | CompactionPart | FilePart

const partDecoders = new Map(Object.entries<(part: unknown) => Option.Option<Part>>({
  text: Schema.decodeUnknownOption(TextPart),
  reasoning: Schema.decodeUnknownOption(TextPart),
  tool: Schema.decodeUnknownOption(ToolPart),
  "step-finish": Schema.decodeUnknownOption(StepFinishPart),
  compaction: Schema.decodeUnknownOption(CompactionPart),
  file: Schema.decodeUnknownOption(FilePart)
}))

/** Known and of no use: what they say is also said elsewhere, or is about OpenCode's own bookkeeping. */
const uselessParts = new Set(["step-start", "snapshot", "patch", "agent", "subtask", "retry"])

const PartType = Schema.decodeUnknownOption(Schema.Struct({ type: Schema.String }))

/** A part, `useless`, or nothing where it is not a part that this version knows. */
export const decodePart = (value: unknown): Option.Option<Part | "useless"> =>
  Option.flatMap(PartType(value), ({ type }) => {
    if (uselessParts.has(type)) return Option.some("useless" as const)
    const decode = partDecoders.get(type)
    return decode === undefined ? Option.none() : decode(value)
  })

// --- stored messages ---

/** One entry of `session.messages`. */
export interface Stored {
  readonly info: Info
  readonly parts: ReadonlyArray<Part>
}

const decodeStored = Schema.decodeUnknownOption(Schema.Struct({ info: Info, parts: Schema.Array(Schema.Unknown) }))

/** Reads an answer of `session.messages`, oldest first; what this version does not know is left out. */
export const decodeMessages = (values: ReadonlyArray<unknown>): ReadonlyArray<Stored> =>
  values.flatMap((value) =>
    Option.match(decodeStored(value), {
      onNone: () => [],
      onSome: ({ info, parts }) => [{
        info,
        parts: parts.flatMap((part) =>
          Option.match(decodePart(part), { onNone: () => [], onSome: (part) => part === "useless" ? [] : [part] })
        )
      }]
    })
  )
