/**
 * A prompt on its way. Codex's history has it under the id that we give it, so whether it arrived can always be told.
 */
import { Deferred, Effect, type FileSystem, type Path, Schema } from "effect"
import { isUtf8 } from "node:buffer"
import * as Attachments from "../../adapter/Attachments.ts"
import type * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { TurnId } from "../../domain/Ids.ts"
import type { Attachment } from "../../domain/TurnInput.ts"
import {
  type AgentError,
  type AgentProtocolError,
  AttachmentRefused,
  DeliveryUncertain,
  TurnRefused
} from "../../provider/AdapterError.ts"
import type { ProviderTurn } from "../../provider/ProviderAdapter.ts"
import * as Context from "../protocol/Context.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Offers from "./Offers.ts"
import { toAgentError } from "./Opening.ts"
import * as TurnModel from "./TurnModel.ts"

const Begun = Schema.Struct({ turn: Schema.Struct({ id: Schema.String }) })

export const send = Effect.fnUntraced(function*(live: LiveSession.LiveSession, turn: ProviderTurn) {
  const { input: { model }, ref, turnId } = turn
  const input = yield* inputOf(live, turn)
  live.starting.set(turnId, Deferred.makeUnsafe<void>())
  yield* LiveSession.apply(live, { _tag: "Sending", turnId })
  const wanted: TurnModel.TurnModel = { model: model?.id ?? live.model, effort: model?.variant ?? live.effort }
  const change = TurnModel.change(live.has, wanted)
  // Of a call that fails it is not known.
  live.has = undefined
  const { turn: begun } = yield* live.server.call("turn/start", {
    threadId: live.sessionId,
    clientUserMessageId: ref,
    ...input,
    ...change
  }, Begun).pipe(
    Effect.mapError(toSendError(turn)),
    Effect.tapError(() => LiveSession.apply(live, { _tag: "NotSent", turnId })),
    Effect.onError(() => Effect.sync(() => live.starting.delete(turnId)))
  )
  live.has = wanted
  yield* LiveSession.apply(live, { _tag: "Sent", turnId, native: begun.id })
})

export const steer = Effect.fnUntraced(function*(live: LiveSession.LiveSession, turn: ProviderTurn) {
  const input = yield* inputOf(live, turn)
  yield* live.server.peer.call("turn/steer", {
    threadId: live.sessionId,
    expectedTurnId: live.state.turn?.native ?? "",
    clientUserMessageId: turn.ref,
    ...input
  }).pipe(Effect.mapError(toSendError(turn)))
})

const toSendError = ({ turnId }: ProviderTurn) => (error: StdioPeer.PeerError | AgentProtocolError) => {
  switch (error._tag) {
    case "PeerRefused":
      return new TurnRefused({
        turnId,
        name: String(error.code ?? "refused"),
        reason: { message: error.reason, data: error.data ?? null }
      })
    case "PeerClosed":
      return new DeliveryUncertain({ turnId, code: "EPIPE" })
    case "PeerTimeout":
      return new DeliveryUncertain({ turnId, code: "ETIMEDOUT" })
    case "AgentProtocolError":
      return new DeliveryUncertain({ turnId, code: "EPROTO" })
  }
}

/** Codex takes images as input; a file of text goes into the context. */
const inputOf = Effect.fnUntraced(function*(
  { directory, server }: LiveSession.LiveSession,
  { input: { attachments = [], context = [], prompt, skills = [] }, ref, turnId }: ProviderTurn
) {
  const known = skills.length === 0 ? [] : yield* Offers.skills(server, directory)
  const given = yield* Effect.forEach(attachments, (attachment) => contentOf(attachment, directory))
  const told = [...context, ...given.flatMap((content) => typeof content === "string" ? [content] : [])]
  return {
    input: [
      { type: "text", text: prompt, text_elements: [] },
      ...given.filter((content) => typeof content !== "string"),
      ...known.flatMap(({ name, path }) => skills.includes(name) ? [{ type: "skill", name, path }] : [])
    ],
    ...(told.length === 0 ? {} : { additionalContext: Context.entries(ref ?? turnId, told) })
  }
})

/** An image as Codex takes it, or the text of a file. */
const contentOf = Effect.fnUntraced(function*(
  attachment: Attachment,
  directory: string
): Effect.fn.Return<string | object, AttachmentRefused, FileSystem.FileSystem | Path.Path> {
  const { base64, mime, name } = yield* Attachments.read(attachment, directory)
  if (mime.startsWith("image/")) return { type: "image", url: `data:${mime};base64,${base64}` }
  const bytes = Buffer.from(base64, "base64")
  if (!isUtf8(bytes)) return yield* new AttachmentRefused({ name, reason: "unsupported" })
  return `The user attached ${name}:\n${bytes.toString("utf8")}`
})

/** How long Codex may take to say that a turn has begun. */
const startDeadline = "10 seconds"

/** An interrupt that comes before the turn has begun is lost 22 times of 25 (0.171.0), so it waits for that. */
export const interrupt = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  turnId: TurnId
): Effect.fn.Return<void, AgentError> {
  if (live.state.turn?.turnId !== turnId) return
  const starting = live.starting.get(turnId)
  if (starting !== undefined) yield* Effect.timeoutOption(Deferred.await(starting), startDeadline)
  const { turn } = live.state
  if (turn?.turnId !== turnId) return
  yield* live.server.peer.call("turn/interrupt", { threadId: live.sessionId, turnId: turn.native }).pipe(
    // It has just ended by itself.
    Effect.catchTag(
      "PeerRefused",
      (refusal) => live.state.turn?.turnId === turnId ? Effect.fail(refusal) : Effect.void
    ),
    Effect.mapError(toAgentError(live.server))
  )
})
