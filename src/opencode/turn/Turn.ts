/**
 * One session tree, one input at a time: `(state, input) -> state, events, wants`. Pure, so every order of frames that
 * OpenCode has been seen to send can be tested as data.
 *
 * A turn begins when OpenCode shows the message that we sent, under the id that we chose; nothing before it belongs to
 * it. How it ends is told in {@link ./TurnEnd.ts}.
 */
import type { Stored } from "../protocol/Message.ts"
import * as Denials from "./Denials.ts"
import * as Messages from "./Messages.ts"
import * as Subagents from "./Subagents.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnRequests from "./TurnRequests.ts"
import {
  all,
  andThen,
  type Checked,
  including,
  type Input,
  inTurn,
  isOf,
  put,
  type Restored,
  running,
  type State,
  type Step,
  step,
  without
} from "./TurnState.ts"
import * as TurnStatus from "./TurnStatus.ts"

export const reduce = (state: State, input: Input): Step => {
  switch (input._tag) {
    case "Delta":
      return TurnItems.delta(state, input.partId, input.delta)
    case "Message":
      return Messages.message(state, input.info)
    case "Part":
      return Messages.part(state, input.part, false)
    case "Status":
    case "Idle":
    case "Error":
    case "Created":
    case "Titled":
    case "Deleted":
    case "Compacted":
    case "Todos":
      return TurnStatus.ofSession(state, input)
    case "PermissionAsked":
      return TurnRequests.permissionAsked(state, input.request)
    case "Guarded":
      return TurnRequests.permissionAsked(state, input.request, input)
    case "Vetoed":
      return TurnRequests.vetoed(state, input.request, input.reason)
    case "PermissionReplied":
      return TurnRequests.permissionReplied(state, input.requestId, input.reply)
    case "QuestionAsked":
      return TurnRequests.questionAsked(state, input.request)
    case "QuestionReplied":
      return TurnRequests.questionSettled(state, input.requestId, {
        _tag: "Answered",
        answers: input.answers
      })
    case "QuestionRejected":
      return TurnRequests.questionSettled(state, input.requestId, { _tag: "Dismissed" })
    case "Unrecognized":
      return step(state, [{ _tag: "Unrecognized", ...inTurn(state), type: input.type, raw: input.raw }])
    case "Sending":
      // A subagent that worked when the last turn ended may be done since, without a word on what it left open.
      return andThen(
        TurnItems.closeAll(state),
        (state) =>
          step({ ...Messages.begin(state, input), own: including(state.own, input.messageId), using: input.using })
      )
    case "Steering":
      return step(
        Messages.withTurn({ ...state, own: including(state.own, input.messageId) }, (turn) => ({
          prompts: put(turn.prompts, input.messageId, false)
        }))
      )
    case "NotSent":
      return step(
        state.turn?.messageId === input.messageId
          ? { ...state, turn: undefined }
          : Messages.withTurn(state, (turn) => ({ prompts: without(turn.prompts, input.messageId) }))
      )
    case "Sent":
      // Known from the history and not from a frame, so what was said of it meanwhile was not heard either.
      return Messages.seen(Messages.withTurn(state, () => ({ holed: true })), input.messageId)
    case "Interrupting":
      return step(Messages.withTurn(state, () => ({ interrupting: true })))
    case "Compacting":
      // Its part may not have come yet, or have come with a turn before.
      return state.compaction === undefined ? Messages.compactionBegan(state, input.part) : step(state)
    case "Mode":
      return step({ ...state, policy: { ...state.policy, runtimeMode: input.runtimeMode } })
    case "Answering":
      return TurnRequests.answering(state, input.requestId, input.with)
    case "Unanswered":
      return TurnRequests.unanswered(state, input.requestId, input.gone)
    case "Replied":
      return Denials.release({ ...state, allowing: without(state.allowing, input.requestId) })
    case "Checked":
      return checked(state, input)
    case "Restored":
      return restored(state, input)
  }
}

const take = (state: State, messages: ReadonlyArray<Stored>, recovered: boolean): Step => {
  const { turn } = state
  const ours = turn === undefined
    ? []
    : messages.filter(({ info }) => info.id === turn.messageId || isOf(turn, info.id, Messages.parentOf(info)))
  return all(
    state,
    ours,
    (state, { info, parts }) =>
      andThen(
        Messages.message(state, info),
        (state) => all(state, parts, (state, value) => Messages.part(state, value, recovered))
      )
  )
}

const checked = (state: State, check: Checked): Step => {
  const { turnId, messages } = check
  if (running(state)?.turnId !== turnId) return step(state)
  const heard = all(
    state,
    messages,
    (state, { info }) =>
      info.role === "user" && info.sessionID === state.root ? Messages.seen(state, info.id) : step(state)
  )
  return andThen(heard, (state) => {
    const turn = running(state)
    const outcome = turn === undefined ? undefined : TurnEnd.verdict(turn, check, state.compaction)
    if (turn === undefined || outcome === undefined) return step(state)
    return andThen(take(state, messages, turn.holed), (state) => TurnEnd.end(state, running(state) ?? turn, outcome))
  })
}

const restored = (state: State, { read }: Restored): Step => {
  // A turn that is still on its way may have been shown, and answered, in the hole.
  const torn = TurnItems.tear(Messages.withTurn(state, () => ({ holed: true })))
  if (read === undefined) {
    const turn = running(state)
    return step(
      torn.state,
      [{ _tag: "Gap", ...inTurn(state), cause: "provider-stream", lost: "events" }],
      // Its idle may be among the events that are lost.
      turn === undefined ? [] : [{ _tag: "Check", turnId: turn.turnId }]
    )
  }
  const steps = [
    (state: State) => take(state, read.messages, true),
    (state: State) =>
      all(
        state,
        read.children,
        (state, { sessionId, busy, messages }) =>
          andThen(take(state, messages, true), (state) => Subagents.works(state, sessionId, busy))
      ),
    (state: State) => TurnRequests.reconcile(state, read.permissions, read.questions),
    (state: State) => read.busy || state.compaction === undefined ? step(state) : compactionAfter(state, read.messages),
    (state: State) => {
      const turn = running(state)
      return turn === undefined ? step(state) : step(state, [], [{ _tag: "Check", turnId: turn.turnId }])
    }
  ]
  return steps.reduce(andThen, torn)
}

const compactionAfter = (state: State, messages: ReadonlyArray<Stored>): Step => {
  const last = messages.findLast(({ info }) => info.role === "assistant" && info.summary === true)?.info
  return last?.role === "assistant" && last.time.completed !== undefined && last.error === undefined
    ? TurnStatus.compacted(state)
    : step(state)
}
