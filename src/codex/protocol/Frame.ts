/**
 * Codex's notifications (0.171.0), as far as they are used. Fields that are not named here are ignored; a notification
 * that is not, or that does not fit, is `Unrecognized`.
 */
import { Predicate, Schema } from "effect"
import { ItemId, TurnId } from "../../domain/Ids.ts"
import { TurnError } from "./Failure.ts"
import { Changes, ThreadItem } from "./Items.ts"
import { Tokens } from "./Tokens.ts"

const Maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const turn = { turnId: Schema.String }
const delta = { ...turn, itemId: ItemId, delta: Schema.String }

const Window = Schema.Struct({
  usedPercent: Schema.Finite,
  windowDurationMins: Maybe(Schema.Finite),
  resetsAt: Maybe(Schema.Finite)
})

/** Each under its method, with its parameters. */
const Known = Schema.TaggedUnion({
  "turn/started": { turn: Schema.Struct({ id: TurnId, rootTurnId: Maybe(Schema.String) }) },
  "turn/completed": {
    turn: Schema.Struct({ id: Schema.String, status: Schema.String, error: Maybe(TurnError) })
  },
  "turn/plan/updated": {
    ...turn,
    plan: Schema.Array(Schema.Struct({ step: Schema.String, status: Schema.String }))
  },
  "turn/diff/updated": { ...turn, diff: Schema.String },
  "item/started": { ...turn, item: ThreadItem },
  "item/completed": { ...turn, item: ThreadItem },
  "item/agentMessage/delta": delta,
  "item/plan/delta": delta,
  "item/reasoning/summaryTextDelta": { ...delta, summaryIndex: Maybe(Schema.Int) },
  "item/commandExecution/outputDelta": delta,
  "item/fileChange/patchUpdated": { ...turn, itemId: ItemId, changes: Changes },
  "thread/tokenUsage/updated": {
    ...turn,
    tokenUsage: Schema.Struct({ total: Tokens, last: Tokens, modelContextWindow: Maybe(Schema.Finite) })
  },
  "account/rateLimits/updated": {
    rateLimits: Schema.Struct({ primary: Maybe(Window), secondary: Maybe(Window) })
  },
  "thread/name/updated": { threadName: Maybe(Schema.String) },
  "skills/changed": {},
  "account/updated": {},
  "model/rerouted": { ...turn, toModel: Schema.String },
  "mcpServer/startupStatus/updated": {
    name: Schema.String,
    status: Schema.String,
    error: Maybe(Schema.String)
  },
  error: { turnId: Maybe(Schema.String), error: TurnError, willRetry: Schema.Boolean },
  warning: { message: Maybe(Schema.String) },
  guardianWarning: { message: Maybe(Schema.String) },
  configWarning: { summary: Maybe(Schema.String) },
  deprecationNotice: { summary: Maybe(Schema.String) },
  "serverRequest/resolved": { requestId: Schema.Union([Schema.String, Schema.Finite]) }
})

export type Known = typeof Known.Type

export type Of<Tag extends Known["_tag"]> = Extract<Known, { readonly _tag: Tag }>

export interface Unrecognized {
  readonly _tag: "Unrecognized"
  readonly type: string
  readonly raw: unknown
}

export type Frame = Known | Unrecognized

/** What is said elsewhere too, or is of no use to a reader. */
const ignored = new Set([
  "hook/started",
  "hook/completed",
  "item/commandExecution/terminalInteraction",
  "item/fileChange/outputDelta",
  "item/mcpToolCall/progress",
  "item/reasoning/summaryPartAdded",
  "item/reasoning/textDelta",
  "remoteControl/status/changed",
  "thread/compacted",
  "thread/environment/connected",
  "thread/goal/cleared",
  "thread/queue/changed",
  "thread/readState/changed",
  "thread/reverted",
  "thread/settings/updated",
  "thread/started",
  "thread/status/changed",
  "app/list/updated"
])

const decodeKnown = Schema.decodeUnknownOption(Known)

/** `undefined` for what is ignored. */
export const decode = (method: string, params: unknown): Frame | undefined => {
  if (ignored.has(method)) return undefined
  const known = decodeKnown({ ...asRecord(params), _tag: method })
  return known._tag === "Some" ? known.value : { _tag: "Unrecognized", type: method, raw: params ?? null }
}

/** The thread that a notification is about. Looked at by hand: each delta has one. */
export const threadOf = (params: unknown): string | undefined =>
  Predicate.hasProperty(params, "threadId") && typeof params.threadId === "string" ? params.threadId : undefined

const asRecord = (value: unknown): object => typeof value === "object" && value !== null ? value : {}
