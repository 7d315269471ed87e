/**
 * Handing a prompt or a command to OpenCode, at most once.
 *
 * `promptAsync` answers before anything is stored, so its answer proves nothing (OpenCode 1.18.33). The proof is the
 * message under our own id: in a frame, within milliseconds, or else in the history. An error that comes instead may be
 * the refusal, or an echo of the turn before; the history decides. A command becomes a message under our id as well.
 */
import { Clock, Deferred, Effect, Fiber, FileSystem, type Path, Schedule } from "effect"
import * as ErrorTag from "../../domain/ErrorTag.ts"
import type { TurnId } from "../../domain/Ids.ts"
import {
  type AgentError,
  type AgentUnauthorized,
  type AgentUnreachable,
  DeliveryUncertain,
  TurnRefused
} from "../../provider/AdapterError.ts"
import type { ProviderTurn, SendTurnError } from "../../provider/ProviderAdapter.ts"
import type { ErrorInfo } from "../protocol/Message.ts"
import * as MessageId from "../protocol/MessageId.ts"
import type { CommandCall, Prompt } from "../server/Calls.ts"
import type { ApiRefusal } from "../server/Connection.ts"
import { running } from "../turn/TurnState.ts"
import * as Attachments from "./Attachments.ts"
import * as Commands from "./Commands.ts"
import { apply, type Delivery, type LiveSession, tell } from "./LiveSession.ts"
import * as Models from "./Models.ts"
import { find } from "./SessionStart.ts"
import * as Skills from "./Skills.ts"

/**
 * An id that sorts after every message of the session, and before those that the server makes next: its time is the
 * server's as far as it is known, since this host's clock may be ahead, and the server may have none of ours.
 */
export const nextId = (live: LiveSession): Effect.Effect<string> =>
  Effect.map(Clock.monotonicTimeNanos, (now) => {
    const { at, millis } = live.serverTime
    const known = [live.state.lastMessageId ?? "", live.lastOwnId ?? ""].toSorted().at(-1)
    live.lastOwnId = MessageId.next(millis + Number((now - at) / 1_000_000n), known)
    return live.lastOwnId
  })

export const send = Effect.fn("OpenCode.sendTurn")(function*(
  live: LiveSession,
  turn: ProviderTurn
): Effect.fn.Return<void, SendTurnError, FileSystem.FileSystem | Path.Path> {
  const { turnId, ref } = turn
  yield* live.gate.ready
  if (live.state.turn !== undefined) return yield* refused(turnId, "TurnRunning", { running: live.state.turn.turnId })
  // OpenCode would take a message with a smaller id for answered.
  if (ref !== undefined && (live.state.lastMessageId ?? "") >= ref) {
    return yield* refused(turnId, "StaleMessageId", { ref, last: live.state.lastMessageId })
  }
  const messageId = ref ?? (yield* nextId(live))
  const prompt = yield* compose(live, turn, messageId)
  const unread = yield* Models.unreadable(
    live.calls,
    prompt.model,
    prompt.parts.flatMap((part) => part.type === "file" ? [part] : [])
  )
  const before = yield* Clock.currentTimeMillis
  yield* live.handover.withPermits(1)(deliver(live, turn, "Sending", prompt))
  yield* compareClocks(live, messageId, before)
  if (unread.length === 0) return
  const message = `The model ${prompt.model.id} cannot read ${unread.join(", ")}, and is told so`
  yield* tell(live, [{ _tag: "Warning", turnId, code: "attachment-unreadable", message }])
})

/** The server has stamped the message between now and `before`, so its clock is compared without a guess. */
const compareClocks = Effect.fnUntraced(function*(live: LiveSession, messageId: string, before: number) {
  const created = live.state.messages.get(messageId)?.created
  const now = yield* Clock.currentTimeMillis
  if (created === undefined || live.clockTold) return
  const ahead = created > now ? created - now : created < before ? created - before : 0
  if (Math.abs(ahead) < clockTolerance) return
  live.clockTold = true
  const where = ahead > 0 ? "ahead of" : "behind"
  const message = `The clock of OpenCode's server is ${Math.round(Math.abs(ahead) / 1000)} s ${where} this host's`
  yield* tell(live, [{ _tag: "Warning", code: "clock-differs", message }])
})

const clockTolerance = 1000

export const steer = Effect.fn("OpenCode.steerTurn")(function*(
  live: LiveSession,
  turn: ProviderTurn
): Effect.fn.Return<void, SendTurnError, FileSystem.FileSystem | Path.Path> {
  yield* live.gate.ready
  if (running(live.state) === undefined) return yield* refused(turn.turnId, "NoTurnRunning", {})
  const messageId = yield* nextId(live)
  yield* deliver(live, turn, "Steering", yield* compose(live, turn, messageId))
})

const refused = (turnId: TurnId, name: string, reason: unknown) => new TurnRefused({ turnId, name, reason })

/** What is sent: a prompt, or a call of a command. */
type Outgoing = CommandCall | (Prompt & { readonly messageId: string; readonly command?: never })

/** Everything that can be wrong with a prompt or a command is checked before it is sent. */
const compose = Effect.fnUntraced(function*(live: LiveSession, turn: ProviderTurn, messageId: string) {
  const { input, turnId } = turn
  const { attachments = [], command, context = [], prompt } = input
  const agent = yield* agentOf(live, turn)
  if (!live.agents.has(agent)) {
    return yield* refused(turnId, "AgentNotFound", { agent, available: Array.from(live.agents.keys()) })
  }
  const model = Models.ofTurn(live, input, agent)
  if (model !== live.defaults.model) yield* Models.available(live.calls, live.instanceId, model)
  yield* directoryThere(live, turnId)
  const files = yield* Effect.forEach(attachments, (attachment) => Attachments.toPart(attachment, live.calls.directory))
  const skills = yield* Skills.read(live, turn)
  // Not the user's own words.
  const before = [...context, ...skills]
  const { instructions } = live.project
  const given = instructions === undefined ? [] : [instructions]
  yield* Models.fits(live.calls, turnId, model, [...given, ...before, prompt, command?.arguments ?? ""])
  if (command === undefined) {
    const synthetic = before.map((text) => ({ type: "text", text, synthetic: true }) as const)
    const sent: Outgoing = {
      messageId,
      model,
      agent,
      system: instructions,
      parts: [...synthetic, { type: "text", text: prompt }, ...files]
    }
    return sent
  }
  yield* Commands.check(live, turn, command, agent)
  const sent: Outgoing = {
    messageId,
    model,
    agent,
    command: command.name,
    arguments: command.arguments ?? "",
    parts: [...given, ...before].map(Attachments.fromText).concat(files)
  }
  return sent
})

/** OpenCode works on in a directory that has gone, and each of its tools fails (1.18.33). */
const directoryThere = Effect.fnUntraced(function*({ calls }: LiveSession, turnId: TurnId) {
  const fs = yield* FileSystem.FileSystem
  if (yield* Effect.orElseSucceed(fs.exists(calls.directory), () => true)) return
  return yield* refused(turnId, "DirectoryMissing", { directory: calls.directory })
})

/** The plan is an agent of its own here. */
const agentOf = (live: LiveSession, { input: { agent, mode }, turnId }: ProviderTurn) => {
  const named = agent ?? live.defaults.agent
  if (mode === "plan") {
    return agent === undefined || agent === Commands.plan
      ? Effect.succeed(Commands.plan)
      : refused(turnId, "ModeConflict", { mode, agent })
  }
  return Effect.succeed(mode === "act" && agent === undefined && named === Commands.plan ? "build" : named)
}

const deliver = Effect.fnUntraced(function*(
  live: LiveSession,
  { turnId }: ProviderTurn,
  _tag: "Sending" | "Steering",
  prompt: Outgoing
) {
  const { messageId } = prompt
  const delivery: Delivery = { accepted: yield* Deferred.make<void>(), doubt: yield* Deferred.make<ErrorInfo>() }
  const forget = apply(live, [{ _tag: "NotSent", messageId }])
  // If it arrived after all, no turn of ours waits for it: end it. A stop does not wait for a server that hangs.
  const abandon = _tag === "Steering"
    ? forget
    : Effect.andThen(forget, Effect.ignore(Effect.timeoutOption(live.calls.abort(live.sessionId), "3 seconds")))
  yield* Effect.gen(function*() {
    live.deliveries.set(messageId, delivery)
    yield* apply(live, [
      _tag === "Steering"
        ? { _tag, messageId }
        : { _tag, turnId, messageId, using: { model: prompt.model.id, agent: prompt.agent } }
    ])
    const sent = yield* Effect.result(handOver(live, delivery, prompt))
    const refusal = sent._tag === "Failure" ? refusalOf(turnId, sent.failure) : undefined
    if (refusal !== undefined) {
      yield* forget
      // Also an unknown agent or model may be 404. Whether the session is there is asked for itself.
      if (refusal._tag === "TurnRefused") yield* find(live.calls, live.instanceId, live.sessionId)
      return yield* refusal
    }
    if (sent._tag === "Success") {
      const doubted = Effect.andThen(Deferred.await(delivery.doubt), Effect.sleep("300 millis"))
      yield* Effect.raceFirst(Deferred.await(delivery.accepted), Effect.raceFirst(doubted, Effect.sleep("30 seconds")))
    } else {
      yield* Effect.sleep("300 millis")
    }
    if (Deferred.isDoneUnsafe(delivery.accepted)) return
    const code = sent._tag === "Failure" ? codeOf(sent.failure) : "NO_EVIDENCE"
    const arrived = yield* inHistory(live, messageId)
    if (arrived === true) return yield* apply(live, [{ _tag: "Sent", messageId }])
    const error = Deferred.isDoneUnsafe(delivery.doubt) ? yield* Deferred.await(delivery.doubt) : undefined
    // Accepted and not stored after half a minute, or given up by us: it may still come.
    if (arrived === undefined || (error === undefined && (code === "NO_EVIDENCE" || code === "DEADLINE"))) {
      yield* abandon
      return yield* new DeliveryUncertain({ turnId, code })
    }
    yield* forget
    return yield* refused(turnId, error?.name ?? "NotDelivered", error ?? { code })
  }).pipe(
    Effect.onInterrupt(() => abandon),
    Effect.ensuring(Effect.sync(() => live.deliveries.delete(messageId)))
  )
})

/** The call of a command is answered when the turn is over, and goes on beside it. */
const handOver = (
  live: LiveSession,
  { accepted }: Delivery,
  sent: Outgoing
): Effect.Effect<unknown, AgentError | ApiRefusal> =>
  sent.command === undefined
    ? live.calls.prompt(live.sessionId, sent)
    : Effect.flatMap(
      Effect.forkIn(live.calls.command(live.sessionId, sent), live.scope),
      (call) => Effect.raceFirst(Deferred.await(accepted), Fiber.join(call))
    )

/** OpenCode read the request and did not take it. Other failures say nothing. */
const refusalOf = (
  turnId: TurnId,
  error: AgentError | ApiRefusal
): AgentUnauthorized | AgentUnreachable | TurnRefused | undefined => {
  if (error._tag === "AgentUnauthorized") return error
  // Without a connection nothing was delivered.
  if (error._tag === "AgentUnreachable" && unconnected.has(error.code)) return error
  if (error._tag !== "OpenCodeApiRefusal" || (error.status !== 400 && error.status !== 404)) return undefined
  return refused(turnId, ErrorTag.nameOf(error) ?? `status ${error.status}`, error.body)
}

const unconnected = new Set(["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"])

const codeOf = (error: AgentError | ApiRefusal): string => {
  if (error._tag === "AgentUnreachable") return error.code
  return String(("status" in error ? error.status : undefined) ?? "UNREADABLE")
}

/** Whether OpenCode has a message; `undefined` where it cannot be asked. */
const inHistory = (live: LiveSession, messageId: string) =>
  live.calls.messages(live.sessionId, 50).pipe(
    Effect.map((messages): boolean | undefined => messages.some(({ info }) => info.id === messageId)),
    Effect.retry({ times: 3, schedule: Schedule.spaced("300 millis") }),
    Effect.orElseSucceed(() => undefined)
  )
