/**
 * What a session's frames say, decoded (OpenCode 1.18.33). Total: a frame of an unknown type, or of a known type with an
 * unexpected shape, is `Unrecognized` and keeps its raw value. Frames known to be of no use here are listed by name.
 */
import { Option, Schema } from "effect"
import { NativeId } from "../../adapter/NativeId.ts"
import { ItemId, RequestId } from "../../domain/Ids.ts"
import type { SessionFrame } from "../server/Connection.ts"
import { decodePart, ErrorInfo, Info, type Part } from "./Message.ts"

export const Status = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["idle", "busy"]) }),
  Schema.Struct({
    type: Schema.Literal("retry"),
    attempt: Schema.Int,
    message: Schema.optional(Schema.String),
    /** Milliseconds since the epoch. */
    next: Schema.optional(Schema.Finite)
  })
])
export type Status = typeof Status.Type

const tool = Schema.optional(Schema.Struct({ messageID: Schema.String, callID: Schema.String }))

export const PermissionRequest = Schema.Struct({
  id: RequestId,
  sessionID: Schema.String,
  permission: Schema.String,
  patterns: Schema.Array(Schema.String),
  metadata: Schema.optional(Schema.Record(Schema.String, Schema.Unknown)),
  /** What OpenCode's own "always" would allow from now on. */
  always: Schema.Array(Schema.String),
  /** Absent for `doom_loop`. */
  tool
})
export type PermissionRequest = typeof PermissionRequest.Type

export const QuestionRequest = Schema.Struct({
  id: RequestId,
  sessionID: Schema.String,
  questions: Schema.Array(Schema.Struct({
    question: Schema.String,
    header: Schema.optional(Schema.String),
    options: Schema.Array(Schema.Struct({ label: Schema.String, description: Schema.optional(Schema.String) })),
    multiple: Schema.optional(Schema.Boolean)
  })),
  tool
})
export type QuestionRequest = typeof QuestionRequest.Type

const Todos = Schema.Array(Schema.Struct({ content: Schema.String, status: Schema.String }))

export type Frame =
  | { readonly _tag: "Delta"; readonly sessionId: string; readonly partId: ItemId; readonly delta: string }
  | { readonly _tag: "Message"; readonly info: Info }
  | { readonly _tag: "Part"; readonly part: Part }
  | { readonly _tag: "Status"; readonly sessionId: string; readonly status: Status }
  | { readonly _tag: "Idle"; readonly sessionId: string }
  | { readonly _tag: "Error"; readonly sessionId: string; readonly error: ErrorInfo }
  | { readonly _tag: "Created"; readonly sessionId: string }
  | { readonly _tag: "Titled"; readonly sessionId: string; readonly title: string }
  | { readonly _tag: "Deleted"; readonly sessionId: string }
  | { readonly _tag: "Compacted"; readonly sessionId: string }
  | { readonly _tag: "PermissionAsked"; readonly request: PermissionRequest }
  | { readonly _tag: "PermissionReplied"; readonly requestId: RequestId; readonly reply: string }
  | { readonly _tag: "QuestionAsked"; readonly request: QuestionRequest }
  | {
    readonly _tag: "QuestionReplied"
    readonly requestId: RequestId
    readonly answers: ReadonlyArray<ReadonlyArray<string>>
  }
  | { readonly _tag: "QuestionRejected"; readonly requestId: RequestId }
  | { readonly _tag: "Todos"; readonly sessionId: string; readonly todos: typeof Todos.Type }
  | { readonly _tag: "Unrecognized"; readonly type: string; readonly raw: unknown }

/** Known and of no use to a session. */
const useless = new Set([
  "session.diff",
  "message.removed",
  "message.part.removed",
  "command.executed",
  "file.edited",
  "file.watcher.updated",
  "lsp.updated",
  "pty.created",
  "pty.updated",
  "pty.exited",
  "pty.deleted",
  "server.heartbeat",
  "tui.session.select",
  "tui.toast.show"
])

/** The events of OpenCode's next session engine, sent beside those above. */
const nextEngine = "session.next."

const isItemId = Schema.is(ItemId)

type Decode = (properties: unknown) => Option.Option<Frame | undefined>

const decoder = <A, I>(schema: Schema.Codec<A, I>, toFrame: (value: A) => Frame): Decode => {
  const decode = Schema.decodeUnknownOption(schema)
  return (properties) => Option.map(decode(properties), toFrame)
}

const inSession = { sessionID: NativeId }
const reply = { ...inSession, requestID: RequestId }
const unnamed: ErrorInfo = { name: "UnknownError" }

const decodePartFrame = Schema.decodeUnknownOption(Schema.Struct({ part: Schema.Unknown }))

/** A map, because a type may be the name of something that every object has. */
const decoders = new Map(Object.entries<Decode>({
  "message.updated": decoder(Schema.Struct({ info: Info }), ({ info }) => ({ _tag: "Message", info })),
  "message.part.updated": (properties) =>
    Option.flatMap(
      decodePartFrame(properties),
      ({ part }) => Option.map(decodePart(part), (part) => part === "useless" ? undefined : { _tag: "Part", part })
    ),
  "session.status": decoder(
    Schema.Struct({ ...inSession, status: Status }),
    ({ sessionID, status }) => ({ _tag: "Status", sessionId: sessionID, status })
  ),
  "session.idle": decoder(Schema.Struct(inSession), ({ sessionID }) => ({ _tag: "Idle", sessionId: sessionID })),
  "session.error": decoder(
    Schema.Struct({ ...inSession, error: Schema.optional(ErrorInfo) }),
    ({ sessionID, error }) => ({ _tag: "Error", sessionId: sessionID, error: error ?? unnamed })
  ),
  "session.created": decoder(Schema.Struct(inSession), ({ sessionID }) => ({ _tag: "Created", sessionId: sessionID })),
  "session.updated": decoder(
    Schema.Struct({ info: Schema.Struct({ id: NativeId, title: Schema.String }) }),
    ({ info: { id, title } }) => ({ _tag: "Titled", sessionId: id, title })
  ),
  "session.deleted": decoder(Schema.Struct(inSession), ({ sessionID }) => ({ _tag: "Deleted", sessionId: sessionID })),
  "session.compacted": decoder(
    Schema.Struct(inSession),
    ({ sessionID }) => ({ _tag: "Compacted", sessionId: sessionID })
  ),
  "permission.asked": decoder(PermissionRequest, (request) => ({ _tag: "PermissionAsked", request })),
  "permission.replied": decoder(
    Schema.Struct({ ...reply, reply: Schema.String }),
    ({ requestID, reply }) => ({ _tag: "PermissionReplied", requestId: requestID, reply })
  ),
  "question.asked": decoder(QuestionRequest, (request) => ({ _tag: "QuestionAsked", request })),
  "question.replied": decoder(
    Schema.Struct({ ...reply, answers: Schema.Array(Schema.Array(Schema.String)) }),
    ({ requestID, answers }) => ({ _tag: "QuestionReplied", requestId: requestID, answers })
  ),
  "question.rejected": decoder(
    Schema.Struct(reply),
    ({ requestID }) => ({ _tag: "QuestionRejected", requestId: requestID })
  ),
  "todo.updated": decoder(
    Schema.Struct({ ...inSession, todos: Todos }),
    ({ sessionID, todos }) => ({ _tag: "Todos", sessionId: sessionID, todos })
  )
}))

/** The decoded frame; `undefined` if it is of no use. */
export const decode = ({ type, sessionId, properties }: SessionFrame): Frame | undefined => {
  // By hand: thousands of these come per second, and a Schema would cost more than the rest of their way.
  if (type === "message.part.delta" && typeof properties === "object" && properties !== null) {
    if ("partID" in properties && "delta" in properties && "field" in properties) {
      const { partID, delta, field } = properties
      if (isItemId(partID) && typeof delta === "string" && typeof field === "string") {
        return field === "text" ? { _tag: "Delta", sessionId, partId: partID, delta } : undefined
      }
    }
  }
  if (useless.has(type) || type.startsWith(nextEngine)) return undefined
  const decoded = decoders.get(type)?.(properties) ?? Option.none()
  return Option.getOrElse(decoded, (): Frame => ({ _tag: "Unrecognized", type, raw: properties }))
}
