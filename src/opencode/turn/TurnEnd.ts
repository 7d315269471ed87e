/**
 * How and when a turn ends (OpenCode 1.18.33).
 *
 * `session.idle` is only a hint: failures and aborts bring two of them, the first before the final message, and one of
 * the turn before may come late. Where the newest answer says clearly that it is the last, idle ends the turn.
 * Otherwise status and messages are read, and the newest answer after our own prompt decides. After an abort during a
 * retry that answer says nothing at all; then it counts that we asked.
 */
import type { CompactionTrigger } from "../../domain/Compaction.ts"
import type { InterruptedBy, ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { TurnFailure } from "../../domain/TurnFailure.ts"
import type { AssistantInfo, ErrorInfo, Stored } from "../protocol/Message.ts"
import type { Offence } from "./Offending.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnRequests from "./TurnRequests.ts"
import {
  andThen,
  answersAll,
  type Checked,
  isOf,
  running,
  type State,
  type Step,
  step,
  type Turn
} from "./TurnState.ts"

export type Outcome =
  | { readonly _tag: "Completed" }
  | { readonly _tag: "Failed"; readonly failure: TurnFailure }
  | { readonly _tag: "Interrupted"; readonly by: InterruptedBy }

const completed: Outcome = { _tag: "Completed" }
const failed = (failure: TurnFailure): Outcome => ({ _tag: "Failed", failure })
const overflow = failed({ _tag: "ContextOverflow" })

/** These ask for another step; one that never came was cut off. */
const unfinished = new Set(["tool-calls", "unknown"])

/** What an answer says of its turn; nothing where it is not finished. */
export const outcomeOf = (last: AssistantInfo | undefined, interrupting: boolean): Outcome | undefined => {
  if (last?.error !== undefined) return outcomeOfError(last.error, interrupting)
  if (last?.finish === undefined || last.time.completed === undefined) return undefined
  if (interrupting && unfinished.has(last.finish)) return { _tag: "Interrupted", by: "user" }
  if (last.finish === "length") return failed({ _tag: "OutputTruncated" })
  if (last.finish === "content-filter") return failed({ _tag: "OutputFiltered" })
  return completed
}

const outcomeOfError = (error: ErrorInfo, interrupting: boolean): Outcome =>
  error.name === "MessageAbortedError"
    ? { _tag: "Interrupted", by: interrupting ? "user" : "agent" }
    : failed(failureOf(error))

export const failureOf = ({ name, data }: ErrorInfo): TurnFailure => {
  const message = data?.message === undefined ? {} : { message: data.message }
  switch (name) {
    case "APIError":
    case "ProviderAuthError":
      return {
        _tag: "ModelFailed",
        name,
        ...(data?.statusCode === undefined ? {} : { status: data.statusCode }),
        retryable: data?.isRetryable ?? false,
        ...message
      }
    case "ContextOverflowError":
      return { _tag: "ContextOverflow" }
    case "ContentFilterError":
      return { _tag: "OutputFiltered" }
    case "MessageOutputLengthError":
      return { _tag: "OutputTruncated" }
    default:
      return { _tag: "Other", name, ...message }
  }
}

/** The answer is finished, asks for no tool, answers everything that we sent, and we heard all of it. */
export const isClear = (turn: Turn): boolean => {
  const { holed, last, prompts } = turn
  return !holed && last !== undefined &&
    (last.error !== undefined ||
      (last.time.completed !== undefined && last.finish !== undefined && !unfinished.has(last.finish))) &&
    Array.from(prompts.values()).every((seen) => seen) && answersAll(turn, last)
}

/** The root went idle. */
export const idle = (state: State): Step => {
  const turn = running(state)
  if (turn === undefined) return closeCompaction(state)
  const outcome = turn.overflowed
    ? overflow
    : isClear(turn)
    ? outcomeOf(turn.last, turn.interrupting)
    : undefined
  return outcome === undefined ? step(state, [], [{ _tag: "Check", turnId: turn.turnId }]) : end(state, turn, outcome)
}

/**
 * The outcome of a turn that is idle, as its messages tell it; nothing while they do not. The final message may still be
 * on its way when the first idle comes, so what else is known counts only from the second look on.
 */
export const verdict = (
  turn: Turn,
  { messages, attempt, final }: Pick<Checked, "messages" | "attempt" | "final">,
  compaction: State["compaction"]
): Outcome | undefined => {
  if (turn.overflowed) return overflow
  const last = lastAnswer(messages, turn)
  const answers = last?.finish !== undefined && !unfinished.has(last.finish)
  if (compaction !== undefined && !answers && !turn.interrupting) {
    return attempt === 1 ? undefined : failed(cutOff(compaction.trigger))
  }
  const heard = Array.from(turn.prompts).every(([, seen]) => seen)
  const answered = heard && last !== undefined && answersAll(turn, last)
  const said = answered || final ? outcomeOf(last, turn.interrupting) : undefined
  if (said !== undefined) return said
  if (attempt === 1) return undefined
  if (turn.interrupting && (turn.busy || final)) return { _tag: "Interrupted", by: "user" }
  if (turn.error !== undefined) {
    const { name, data } = turn.error
    return last === undefined && name === "UnknownError"
      ? failed({ _tag: "Refused", name, ...(data?.message === undefined ? {} : { message: data.message }) })
      : outcomeOfError(turn.error, turn.interrupting)
  }
  if (!final) return undefined
  // The stream was lost, and nothing works on what it left half done: the server that did is another one now.
  return failed(turn.holed && !answers ? { _tag: "SessionLost" } : { _tag: "Other", name: "NoOutcome" })
}

/** OpenCode went idle instead of going on: a compaction that had to come first was not allowed, or failed. */
const cutOff = (trigger: CompactionTrigger): TurnFailure =>
  trigger === "overflow" ? { _tag: "ContextOverflow" } : { _tag: "Other", name: "NotCompacted" }

export const lastAnswer = (messages: ReadonlyArray<Stored>, turn: Turn): AssistantInfo | undefined =>
  messages.reduce<AssistantInfo | undefined>(
    (last, { info }) =>
      info.role === "assistant" && info.summary !== true && isOf(turn, info.id, info.parentID) ? info : last,
    undefined
  )

/** Ends the turn: what it leaves open first, its one terminal event last. */
export const end = (state: State, turn: Turn, outcome: Outcome): Step => {
  const failing = state.compaction !== undefined
  const offence = outcome._tag === "Failed" ? offenceOf(outcome.failure, turn) : undefined
  const takeOut = offence === undefined ? [] : [{ _tag: "TakeOut", because: offence } as const]
  return andThen(
    andThen(andThen(TurnItems.closeAll(state), TurnRequests.closeAll), closeCompaction),
    (state) =>
      step({ ...state, turn: undefined, echo: outcome._tag !== "Completed" || failing }, [
        terminal(state, turn, outcome)
      ], [
        { _tag: "Ended" },
        ...takeOut
      ])
  )
}

/** The model's provider has read the request and will not take it, today or tomorrow. */
const refusals = new Set<number | undefined>([400, 404, 413, 415, 422])

const offenceOf = (failure: TurnFailure, turn: Turn): Offence | undefined => {
  switch (failure._tag) {
    case "ModelFailed":
      return !failure.retryable && refusals.has(failure.status) ? "refused" : undefined
    case "ContextOverflow":
      return turn.fruitless ? "overflow" : undefined
    default:
      return undefined
  }
}

const terminal = (state: State, { last, refused, turnId }: Turn, outcome: Outcome): ProviderEvent => {
  const usage = TurnItems.total(state)
  switch (outcome._tag) {
    case "Completed":
      return {
        _tag: "TurnCompleted",
        turnId,
        usage,
        // An agent that goes on in spite of it ends with an answer.
        ...(refused === undefined || !unfinished.has(last?.finish ?? "") ? {} : { refused })
      }
    case "Failed":
      return { _tag: "TurnFailed", turnId, failure: outcome.failure, usage }
    case "Interrupted":
      return { _tag: "TurnInterrupted", turnId, by: outcome.by, usage }
  }
}

/** A compaction that is not complete when the session goes idle has failed. */
const closeCompaction = (state: State): Step => {
  if (state.compaction === undefined) return step(state)
  const turnId = running(state)?.turnId
  const { error, messageId } = state.compaction
  const givenUp = { _tag: "CompactionGivenUp", messageId } as const
  return step(
    { ...state, compaction: undefined },
    [{ _tag: "CompactionFailed", ...(turnId === undefined ? {} : { turnId }), name: error ?? "NotCompacted" }],
    error === "ContextOverflowError" ? [givenUp, { _tag: "TakeOut", because: "overflow" }] : [givenUp]
  )
}
