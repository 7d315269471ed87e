/**
 * A message on its way. It has an id of ours, under which Claude says that it has it, and under which the session's file has
 * it afterwards.
 */
import { Deferred, Effect, type FileSystem, type Path, Schema } from "effect"
import { isUtf8 } from "node:buffer"
import * as Attachments from "../../adapter/Attachments.ts"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { TurnId } from "../../domain/Ids.ts"
import type { Attachment, ModelSelection, TurnMode } from "../../domain/TurnInput.ts"
import {
  type AgentError,
  AgentProtocolError,
  AttachmentRefused,
  DeliveryUncertain,
  ModelUnavailable,
  TurnRefused
} from "../../provider/AdapterError.ts"
import type { ProviderTurn } from "../../provider/ProviderAdapter.ts"
import { newAsideId, newId } from "../protocol/Cursor.ts"
import * as History from "./History.ts"
import * as LiveSession from "./LiveSession.ts"
import * as OtherClient from "./OtherClient.ts"

/** Writes a message. `done` waits until Claude is done with it. */
export const post = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  content: string | ReadonlyArray<object>,
  { uuid: given, ...more }: { readonly uuid?: string; readonly [field: string]: unknown } = {}
) {
  const uuid = given ?? (yield* newId)
  const message = expect(live, uuid)
  yield* Effect.mapError(write(live, uuid, content, more), StdioPeer.toAgentError(live.cli.instanceId))
  return {
    done: Effect.ensuring(Deferred.await(message.done), Effect.sync(() => live.messages.delete(uuid)))
  }
})

const expect = (live: LiveSession.LiveSession, uuid: string): LiveSession.Message => {
  const message: LiveSession.Message = {
    queued: Deferred.makeUnsafe<void>(),
    started: Deferred.makeUnsafe<void>(),
    done: Deferred.makeUnsafe<void>()
  }
  live.messages.set(uuid, message)
  return message
}

const write = (
  { cli }: LiveSession.LiveSession,
  uuid: string,
  content: string | ReadonlyArray<object>,
  more: object = {}
) =>
  cli.peer.notify("user", {
    uuid,
    session_id: "",
    parent_tool_use_id: null,
    message: { role: "user", content },
    ...more
  })

/** Puts a text into the context that is not the user's, and that the model does not answer. */
export const tell = (live: LiveSession.LiveSession, text: string, uuid: Effect.Effect<string> = newId) =>
  Effect.flatMap(uuid, (uuid) => add(live, literal(text), { uuid, isSynthetic: true }))

/** Puts the text of a skill into the context, as Claude does it itself where the user names one. */
const load = (live: LiveSession.LiveSession, skill: string) =>
  Effect.flatMap(newAsideId, (uuid) => add(live, `/${skill}`, { uuid }))

const add = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  text: string,
  more: { readonly uuid: string; readonly isSynthetic?: boolean }
) {
  const { done } = yield* post(live, text, { ...more, shouldQuery: false })
  yield* Effect.raceFirst(done, live.cli.peer.closed)
})

/** A text that begins with a slash is a command to Claude, and `/clear` forgets the conversation. */
const literal = (text: string): string => text.startsWith("/") ? `\n${text}` : text

export const send = Effect.fnUntraced(function*(live: LiveSession.LiveSession, turn: ProviderTurn) {
  const { input, ref, turnId } = turn
  // It is sent again, and Claude works on it.
  if (live.state.turn?.turnId === turnId) return
  if (live.state.turn !== undefined) {
    return yield* new TurnRefused({ turnId, name: "TurnRunning", reason: { running: live.state.turn.turnId } })
  }
  if (ref !== undefined && live.taken.has(ref)) {
    return yield* Effect.asVoid(Effect.forkIn(live.answerers.had(live, { _tag: "Had", turnId, uuid: ref }), live.scope))
  }
  yield* OtherClient.look(live)
  const content = yield* contentOf(live, turn)
  if (input.model !== undefined) yield* useModel(live, input.model)
  yield* useMode(live, input.mode)
  yield* Effect.forEach(input.skills ?? [], (skill) => load(live, skill), { discard: true })
  yield* Effect.forEach(input.context ?? [], (text) => tell(live, text, newAsideId), { discard: true })
  const uuid = ref ?? (yield* newId)
  const message = expect(live, uuid)
  yield* LiveSession.apply(live, { _tag: "Sending", turnId, uuid })
  yield* write(live, uuid, content).pipe(
    Effect.mapError(() => lost(turnId)),
    Effect.andThen(taken(live, turnId, message.started)),
    Effect.onError(() => LiveSession.apply(live, { _tag: "NotSent", uuid })),
    Effect.ensuring(Effect.sync(() => live.messages.delete(uuid)))
  )
})

/** A turn that Claude had already is over; its file says how. */
export const had = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  { turnId, uuid }: Parameters<LiveSession.Answerers["had"]>[1]
) {
  const { outcome } = yield* History.evidence(live, { turnId, ref: uuid })
  yield* LiveSession.apply(live, { _tag: "Repeated", turnId, outcome })
})

export const steer = Effect.fnUntraced(function*(live: LiveSession.LiveSession, turn: ProviderTurn) {
  const { input, turnId } = turn
  const content = yield* contentOf(live, turn)
  if (live.state.turn === undefined) return yield* new TurnRefused({ turnId, name: "NoTurnRunning", reason: null })
  const context = (input.context ?? []).map((text) => ({ type: "text", text: literal(text) }))
  const uuid = yield* newId
  const message = expect(live, uuid)
  yield* LiveSession.apply(live, { _tag: "Steering", uuid })
  yield* write(live, uuid, [...context, ...content]).pipe(
    Effect.mapError(() => lost(turnId)),
    Effect.andThen(taken(live, turnId, message.queued)),
    Effect.onError(() => LiveSession.apply(live, { _tag: "NotSteered", uuid })),
    Effect.ensuring(Effect.sync(() => live.messages.delete(uuid)))
  )
})

const lost = (turnId: TurnId) => new DeliveryUncertain({ turnId, code: "EPIPE" })

const taken = (live: LiveSession.LiveSession, turnId: TurnId, waiting: Deferred.Deferred<void>) =>
  Effect.raceFirst(
    Deferred.await(waiting),
    Effect.flatMap(live.cli.peer.closed, () => Effect.fail(lost(turnId)))
  )

/** A model or effort that a turn names holds for those after it as well. */
const useModel = Effect.fnUntraced(function*(live: LiveSession.LiveSession, model: ModelSelection) {
  yield* checkModel(live, model)
  if (model.id !== live.model) {
    yield* LiveSession.call(live, "set_model", { model: model.id })
    live.model = model.id
  }
  yield* useEffort(live, model)
})

export const useEffort = Effect.fnUntraced(function*(live: LiveSession.LiveSession, { variant }: ModelSelection) {
  if (variant === undefined || variant === live.effort) return
  yield* LiveSession.call(live, "apply_flag_settings", { settings: { effortLevel: variant } })
  live.effort = variant
})

/** What holds in the session, in another process of it. */
export const restore = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  const { effort, input: { model: begunWith }, model } = live
  if (model !== begunWith?.id) yield* LiveSession.call(live, "set_model", { model: model ?? "default" })
  live.effort = undefined
  if (model !== undefined && effort !== undefined) yield* useEffort(live, { id: model, variant: effort })
})

const Mode = Schema.Struct({ mode: Schema.Literals(["default", "plan"]) })

/** What one turn asks for ends with it. A plan that the model has begun by itself stays until a turn is to act. */
const useMode = Effect.fnUntraced(function*(live: LiveSession.LiveSession, asked: TurnMode | undefined) {
  const wanted = asked === "plan" ? "plan" : asked === "act" || live.planned ? "default" : undefined
  if (wanted !== undefined && wanted !== (live.state.mode ?? "default")) yield* setMode(live, wanted)
  live.planned = asked === "plan"
})

const setMode = Effect.fnUntraced(function*(live: LiveSession.LiveSession, wanted: (typeof Mode.Type)["mode"]) {
  const operation = "set_permission_mode"
  const body = yield* LiveSession.call(live, operation, { mode: wanted })
  const failed = new AgentProtocolError({ instanceId: live.cli.instanceId, operation, body })
  const { mode } = yield* Effect.mapError(Schema.decodeUnknownEffect(Mode)(body), () => failed)
  if (mode !== wanted) return yield* failed
})

/** Claude takes any name for a model, and the API refuses it; so it must be one that Claude lists. */
export const checkModel = (
  { cli }: LiveSession.LiveSession,
  { id, variant }: ModelSelection
): Effect.Effect<void, ModelUnavailable> => {
  const offered = cli.models.find(({ resolvedModel, value }) => value === id || resolvedModel === id)
  const refused = (model: string, available: ReadonlyArray<string>) =>
    new ModelUnavailable({ instanceId: cli.instanceId, model, available })
  if (offered === undefined) {
    return cli.models.length === 0
      ? Effect.void
      : refused(id, cli.models.map(({ value }) => value))
  }
  const efforts = offered.supportedEffortLevels ?? []
  return variant === undefined || efforts.includes(variant)
    ? Effect.void
    : refused(`${id}#${variant}`, [id, ...efforts.map((effort) => `${id}#${effort}`)])
}

const contentOf = Effect.fnUntraced(function*(
  { directory }: LiveSession.LiveSession,
  { input: { attachments = [], command, prompt }, turnId }: ProviderTurn
) {
  // All that follows a command's name are its arguments.
  if (command !== undefined && prompt.trim() !== "") {
    return yield* new TurnRefused({ turnId, name: "PromptWithCommand", reason: { command: command.name } })
  }
  const blocks = yield* Effect.forEach(attachments, (attachment) => blockOf(attachment, directory))
  const text = command === undefined ? literal(prompt) : `/${command.name} ${command.arguments ?? ""}`.trimEnd()
  return [...blocks, { type: "text", text }]
})

const blockOf = Effect.fnUntraced(function*(
  attachment: Attachment,
  directory: string
): Effect.fn.Return<object, AttachmentRefused, FileSystem.FileSystem | Path.Path> {
  const { base64, mime, name } = yield* Attachments.read(attachment, directory)
  const encoded = { type: "base64", media_type: mime, data: base64 }
  if (mime.startsWith("image/")) return { type: "image", source: encoded }
  if (mime === "application/pdf") return { type: "document", title: name, source: encoded }
  const bytes = Buffer.from(base64, "base64")
  if (!isUtf8(bytes)) return yield* new AttachmentRefused({ name, reason: "unsupported" })
  return {
    type: "document",
    title: name,
    source: { type: "text", media_type: "text/plain", data: bytes.toString("utf8") }
  }
})

/** How long Claude may take to say that it has begun with a message. */
const startDeadline = "10 seconds"

/**
 * An interrupt that overtakes its message may stop nothing, so it waits until Claude has begun; and one may come between the
 * message and the first call of the model, so it is repeated where no end follows.
 */
export const interrupt = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  turnId: TurnId
): Effect.fn.Return<void, AgentError> {
  const { sending } = live.state
  const waiting = sending?.turnId === turnId ? live.messages.get(sending.uuid)?.started : undefined
  if (waiting !== undefined) yield* Effect.timeoutOption(Deferred.await(waiting), startDeadline)
  const { turn } = live.state
  if (turn?.turnId !== turnId) return
  yield* LiveSession.apply(live, { _tag: "Interrupting", turnId })
  // What was added and is not answered would become a turn of its own.
  const ask = LiveSession.call(live, "interrupt", turn.steers.size > 0 ? { cancel_queued: true } : undefined)
  yield* ask
  yield* Effect.sleep("700 millis").pipe(
    Effect.andThen(Effect.suspend(() => live.state.turn?.turnId === turnId ? Effect.ignore(ask) : Effect.void)),
    Effect.forkIn(live.scope)
  )
})
