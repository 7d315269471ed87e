/**
 * A prompt on its way. Its answer is the end of its turn, and nothing says that it has come: it counts as accepted with
 * the first sign of the agent's, or when it has not been refused for a moment. What is lost after that ends with the
 * session.
 */
import { Deferred, Effect, type FileSystem, type Path, Queue, Schema } from "effect"
import { isUtf8 } from "node:buffer"
import * as Attachments from "../../adapter/Attachments.ts"
import type * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { TurnId } from "../../domain/Ids.ts"
import { type Attachment, wordsOf } from "../../domain/TurnInput.ts"
import {
  type AgentError,
  AgentUnreachable,
  AttachmentRefused,
  DeliveryUncertain,
  type SessionMissing,
  TurnRefused
} from "../../provider/AdapterError.ts"
import type { ProviderTurn, SendTurnError } from "../../provider/ProviderAdapter.ts"
import { codes } from "../protocol/Failure.ts"
import { Prompted } from "../protocol/Session.ts"
import type { Ending } from "../turn/TurnState.ts"
import * as Blocks from "./Blocks.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Missing from "./Missing.ts"
import * as Selection from "./Selection.ts"

/** An agent that does not take a prompt says so at once. */
const moment = "300 millis"

export const send = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  turn: ProviderTurn
): Effect.fn.Return<void, SendTurnError, FileSystem.FileSystem | Path.Path> {
  const { turnId } = turn
  yield* ready(live)
  const prompt = yield* blocksOf(live, turn)
  yield* takeMode(live, turn)
  yield* takeModel(live, turn)
  const sent: Sent = { turnId, taken: Deferred.makeUnsafe(), over: Deferred.makeUnsafe() }
  live.taken = sent.taken
  live.over = sent.over
  live.strayed = 0
  yield* LiveSession.apply(live, { _tag: "Sending", turnId })
  yield* live.connection.peer.call("session/prompt", { sessionId: live.sessionId, prompt }, { deadline: "Infinity" })
    .pipe(
      Effect.matchEffect({
        onSuccess: (result) => ends(live, sent, stopped(result)),
        onFailure: (error) => failed(live, sent, error)
      }),
      Effect.forkIn(live.scope, { startImmediately: true })
    )
  yield* Effect.timeoutOption(Deferred.await(sent.taken), moment).pipe(
    // What is refused after that was accepted, and fails.
    Effect.ensuring(Deferred.succeed(sent.taken, undefined)),
    Effect.andThen(Deferred.await(sent.taken))
  )
  live.seed = []
})

/** A prompt that was sent: whether it was accepted or refused, once that is settled, and whether its turn is over. */
interface Sent extends Pick<LiveSession.LiveSession, "taken" | "over"> {
  readonly turnId: TurnId
}

/** An agent takes no prompt as long as it has not ended the one before, also where the service waits for that no more. */
const ready = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  if (live.state.turn?.cancelled === true) yield* Deferred.await(live.over)
  if (!live.givenUp) return
  return yield* new AgentUnreachable({
    instanceId: live.connection.instanceId,
    operation: "session/prompt",
    code: "ETIMEDOUT"
  })
})

const decodePrompted = Schema.decodeUnknownOption(Prompted)

const stopped = (raw: unknown): Ending => {
  const prompted = decodePrompted(raw)
  return { _tag: "Stopped", reason: prompted._tag === "Some" ? prompted.value.stopReason : "unknown", raw }
}

/** After a turn that did not fail the agent has the session on its disk. */
const ends = (live: LiveSession.LiveSession, { over, taken, turnId }: Sent, ending: Ending) =>
  Effect.suspend(() => {
    if (ending._tag === "Stopped") live.resumable = true
    return Effect.andThen(
      LiveSession.apply(live, { _tag: "Ended", turnId, ending }),
      Effect.andThen(Deferred.succeed(taken, undefined), Deferred.succeed(over, undefined))
    )
  })

/** As long as it does not count as accepted it was not taken, by what the code says of it; then it is how the turn ends. */
const failed = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  sent: Sent,
  error: StdioPeer.PeerError
) {
  const { over, taken, turnId } = sent
  if (error._tag !== "PeerRefused") {
    // It ends with the session, which has.
    yield* Deferred.fail(taken, new DeliveryUncertain({ turnId, code: "EPIPE" }))
    yield* Deferred.succeed(over, undefined)
    return
  }
  const missing = error.code === codes.notFound || error.code === codes.invalidParams
    ? yield* Effect.orElseSucceed(
      Missing.prove(live.connection, live.profile, live.sessionId, live.directory, error),
      () => undefined
    )
    : undefined
  const refused = whyRefused(turnId, missing, error)
  if (refused !== undefined && (yield* Deferred.fail(taken, refused))) {
    yield* LiveSession.apply(live, { _tag: "NotSent", turnId })
    yield* Deferred.succeed(over, undefined)
  } else {
    yield* ends(live, sent, { _tag: "Refused", error })
  }
  // The next start finds out what became of it.
  if (missing !== undefined) yield* Queue.end(live.events)
})

const whyRefused = (
  turnId: TurnId,
  missing: SessionMissing | undefined,
  { code, data, reason }: StdioPeer.PeerRefused
): SendTurnError | undefined => {
  if (missing !== undefined) return missing
  return code === codes.invalidParams
    ? new TurnRefused({ turnId, name: String(code), reason: { message: reason, data: data ?? null } })
    : undefined
}

/** A plan that was asked for ends with its turn. */
const takeMode = Effect.fnUntraced(function*(live: LiveSession.LiveSession, { input: { mode }, turnId }: ProviderTurn) {
  const { mode: { mode: own }, profile: { plan }, state: { offered } } = live
  const wanted = mode === "plan" ? plan : own
  if (mode === "plan" && (wanted === undefined || own === undefined || !offered.modes.list.includes(wanted))) {
    return yield* new TurnRefused({ turnId, name: "ModeConflict", reason: { plan: wanted ?? null } })
  }
  const before = live.agentMode
  if (wanted === undefined || wanted === before) return
  // It tells of it before it answers.
  live.agentMode = wanted
  const next = yield* Effect.tapError(Selection.setMode(live, offered, wanted), () =>
    Effect.sync(() => {
      live.agentMode = before
    }))
  yield* LiveSession.apply(live, { _tag: "Chosen", offered: next })
})

/** What one turn names holds for it alone. */
const takeModel = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  { input: { model }, turnId }: ProviderTurn
) {
  const { model: own, profile, state: { model: before, offered } } = live
  if (model !== undefined && model.id !== own?.id && profile.capabilities.modelSwitch !== "per-turn") {
    return yield* new TurnRefused({ turnId, name: "ModelSwitch", reason: model })
  }
  const wanted = model ?? own
  if (wanted === undefined) return
  yield* LiveSession.apply(live, { _tag: "Choosing", model: wanted.id })
  yield* Selection.useModel(
    live,
    offered,
    { wanted, own },
    (offered) => LiveSession.apply(live, { _tag: "Chosen", offered })
  ).pipe(
    // Else what it still uses would read as a change of its own.
    Effect.onError(() =>
      LiveSession.apply(live, { _tag: "Choosing", model: live.state.offered.models.current ?? before })
    )
  )
})

const blocksOf = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  { input: { attachments = [], command, context = [], prompt }, turnId }: ProviderTurn
) {
  const words = prompt === "" && command !== undefined ? [] : live.profile.literal(prompt)
  if (words === undefined) {
    return yield* new TurnRefused({
      turnId,
      name: "NotWords",
      reason: `${live.profile.provider} takes what begins with a slash for a command`
    })
  }
  const given = yield* Effect.forEach(attachments, (attachment) => contentOf(live, attachment))
  const told = [
    ...live.seed,
    ...context,
    ...given.flatMap((content) => typeof content === "string" ? [content] : [])
  ]
  const texts = [
    // Agents look for a command at the beginning of the first text.
    ...command === undefined ? [] : [wordsOf({ command, prompt: "" })],
    ...told.map((text) => `<context>\n${text}\n</context>`),
    ...words
  ]
  return [
    ...Blocks.of(live.profile, texts),
    ...given.filter((content) => typeof content !== "string")
  ]
})

/**
 * An image as the protocol has it, or the text of a file. Links are not sent: agents read what they lead to unasked.
 */
const contentOf = Effect.fnUntraced(function*(
  { connection, directory }: LiveSession.LiveSession,
  attachment: Attachment
): Effect.fn.Return<string | object, AttachmentRefused, FileSystem.FileSystem | Path.Path> {
  const { base64, mime, name } = yield* Attachments.read(attachment, directory)
  const takesImages = connection.greeting.agentCapabilities?.promptCapabilities?.image === true
  if (mime.startsWith("image/") && takesImages) return { type: "image", mimeType: mime, data: base64 }
  const bytes = Buffer.from(base64, "base64")
  if (!isUtf8(bytes)) return yield* new AttachmentRefused({ name, reason: "unsupported" })
  return `The user attached ${name}:\n${bytes.toString("utf8")}`
})

/** Its end follows, or the session is given up. */
export const interrupt = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  turnId: TurnId
): Effect.fn.Return<void, AgentError> {
  const { turn } = live.state
  if (turn?.turnId !== turnId || turn.cancelled) return
  yield* Effect.mapError(
    live.connection.peer.notify("session/cancel", { sessionId: live.sessionId }),
    live.connection.toError
  )
  yield* Effect.uninterruptible(Effect.andThen(
    Effect.andThen(LiveSession.apply(live, { _tag: "Cancelling", turnId }), live.guarding.cancel),
    Effect.forkIn(LiveSession.giveUp(live, turnId), live.scope)
  ))
})
