/**
 * The toy agent's lines, as far as the adapter uses them, and what they mean.
 */
import { Schema } from "effect"
import { ItemLedger } from "../../src/adapter/index.ts"
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

export const isReply = Schema.is(Reply)
export const toReply = Schema.decodeUnknownEffect(Reply)

const line = <const Name extends string, const Fields extends Schema.Struct.Fields>(event: Name, fields: Fields) =>
  Schema.Struct({ event: Schema.Literal(event), turn: TurnId, ...fields })

const work = { item: ItemId, kind: Schema.Literals(["run", "edit"]), what: Schema.String }
const asks = Schema.Literals(["run", "edit", "question", "secret"])

const Event = Schema.Union([
  line("said", { item: ItemId, text: Schema.String }),
  line("doing", work),
  line("did", { ...work, status: Schema.Literals(["completed", "failed", "declined"]) }),
  line("asked", { request: RequestId, kind: asks, text: Schema.String }),
  line("over", { outcome: Schema.Literals(["done", "failed", "stopped"]) })
])
type Event = typeof Event.Type
type Named<Name extends Event["event"]> = Extract<Event, { readonly event: Name }>

const isEvent = Schema.is(Event)

/** What a line that is not a reply means. */
export const toEvents = (frame: unknown): ReadonlyArray<ProviderEvent> => {
  if (!isEvent(frame)) return [{ _tag: "Unrecognized", type: "unknown", raw: frame }]
  const turnId = frame.turn
  switch (frame.event) {
    case "said": {
      const item = { _tag: "AssistantMessage", itemId: frame.item, text: frame.text } as const
      const begun = ItemLedger.show(ItemLedger.empty, { turnId }, item, undefined)
      return [...begun.events, { _tag: "ItemCompleted", turnId, item }]
    }
    case "doing":
      return [{ _tag: "ItemStarted", turnId, item: itemOf(frame, "running") }]
    case "did":
      return [{ _tag: "ItemCompleted", turnId, item: itemOf(frame, frame.status) }]
    case "asked":
      return [asked(frame)]
    case "over":
      return [{ ...endings[frame.outcome], turnId, usage: Usage.zero }]
  }
}

const itemOf = ({ item: itemId, kind, what }: Named<"doing" | "did">, status: "running" | Named<"did">["status"]) =>
  kind === "run"
    ? { _tag: "Command", itemId, command: what, status } as const
    : { _tag: "FileChange", itemId, edits: [{ path: what, kind: "add" }], status } as const

const asked = (frame: Named<"asked">): ProviderEvent => {
  const { kind, request: requestId, text: subject, turn: turnId } = frame
  if (kind === "run" || kind === "edit") {
    const approval = kind === "run" ? "command" : "file-change"
    return { _tag: "ApprovalRequested", turnId, request: { requestId, kind: approval, subject, detail: frame } }
  }
  const secret = kind === "secret"
  const options = secret ? [] : [{ label: "yes" }, { label: "no" }]
  const question = { id: "it", question: subject, options, multiple: false, freeText: secret, secret }
  return { _tag: "QuestionAsked", turnId, request: { requestId, questions: [question] } }
}

const endings = {
  done: { _tag: "TurnCompleted" },
  failed: { _tag: "TurnFailed", failure: { _tag: "Other", name: "ToyFailed" } },
  stopped: { _tag: "TurnInterrupted", by: "agent" }
} as const
