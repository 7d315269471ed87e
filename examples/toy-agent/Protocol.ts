/**
 * The toy agent's lines, as far as the adapter uses them, and what they mean.
 */
import { Schema } from "effect"
import { ItemId, RequestId, TurnId, Usage } from "../../src/index.ts"
import { AgentSession, type ProviderEvent } from "../../src/protocol.ts"

export const Reply = Schema.Struct({
  id: Schema.String,
  error: Schema.optionalKey(Schema.String),
  session: Schema.optionalKey(Schema.String),
  from: Schema.optionalKey(Schema.String),
  /** What was exported. */
  part: Schema.optionalKey(Schema.Unknown),
  since: Schema.optionalKey(Schema.String),
  checkpoint: Schema.optionalKey(Schema.String),
  sessions: Schema.optionalKey(Schema.Array(AgentSession)),
  next: Schema.optionalKey(Schema.String)
})
export type Reply = typeof Reply.Type

const work = { turn: TurnId, item: ItemId, kind: Schema.Literals(["run", "edit"]), what: Schema.String }

const Event = Schema.Union([
  Schema.Struct({ event: Schema.Literal("said"), turn: TurnId, item: ItemId, text: Schema.String }),
  Schema.Struct({ event: Schema.Literal("doing"), ...work }),
  Schema.Struct({
    event: Schema.Literal("did"),
    ...work,
    status: Schema.Literals(["completed", "failed", "declined"])
  }),
  Schema.Struct({
    event: Schema.Literal("asked"),
    turn: TurnId,
    request: RequestId,
    kind: Schema.Literals(["run", "edit", "question", "secret"]),
    text: Schema.String
  }),
  Schema.Struct({
    event: Schema.Literal("over"),
    turn: TurnId,
    outcome: Schema.Literals(["done", "failed", "stopped"])
  })
])
type Event = typeof Event.Type

export const isReply = Schema.is(Reply)
export const toReply = Schema.decodeUnknownEffect(Reply)
const isEvent = Schema.is(Event)

/** What a line that is not a reply means. */
export const toEvents = (frame: unknown): ReadonlyArray<ProviderEvent> => {
  if (!isEvent(frame)) return [{ _tag: "Unrecognized", type: "unknown", raw: frame }]
  const turnId = frame.turn
  switch (frame.event) {
    case "said": {
      const item = { _tag: "AssistantMessage", itemId: frame.item, text: frame.text } as const
      return [
        { _tag: "ItemStarted", turnId, item: { ...item, text: "" } },
        { _tag: "ItemDelta", turnId, itemId: frame.item, field: "text", offset: 0, delta: frame.text },
        { _tag: "ItemCompleted", turnId, item }
      ]
    }
    case "doing":
      return [{ _tag: "ItemStarted", turnId, item: itemOf(frame, "running") }]
    case "did":
      return [{ _tag: "ItemCompleted", turnId, item: itemOf(frame, frame.status) }]
    case "asked":
      return [
        frame.kind === "question" || frame.kind === "secret"
          ? {
            _tag: "QuestionAsked",
            turnId,
            request: {
              requestId: frame.request,
              questions: [frame.kind === "secret" ? secret(frame.text) : yesOrNo(frame.text)]
            }
          }
          : {
            _tag: "ApprovalRequested",
            turnId,
            request: {
              requestId: frame.request,
              kind: frame.kind === "run" ? "command" : "file-change",
              subject: frame.text,
              detail: frame
            }
          }
      ]
    case "over":
      return [ending(turnId, frame.outcome)]
  }
}

const itemOf = (
  { item: itemId, kind, what }: Extract<Event, { readonly event: "doing" | "did" }>,
  status: "running" | "completed" | "failed" | "declined"
) =>
  kind === "run"
    ? { _tag: "Command", itemId, command: what, status } as const
    : { _tag: "FileChange", itemId, edits: [{ path: what, kind: "add" }], status } as const

const yesOrNo = (question: string) => ({
  id: "it",
  question,
  options: [{ label: "yes" }, { label: "no" }],
  multiple: false,
  freeText: false,
  secret: false
})

const secret = (question: string) => ({ ...yesOrNo(question), options: [], freeText: true, secret: true })

const ending = (turnId: TurnId, outcome: "done" | "failed" | "stopped"): ProviderEvent => {
  const usage = Usage.zero
  switch (outcome) {
    case "done":
      return { _tag: "TurnCompleted", turnId, usage }
    case "failed":
      return { _tag: "TurnFailed", turnId, failure: { _tag: "Other", name: "ToyFailed" }, usage }
    case "stopped":
      return { _tag: "TurnInterrupted", turnId, by: "agent", usage }
  }
}
