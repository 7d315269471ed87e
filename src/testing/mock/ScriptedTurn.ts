/**
 * Plays a script: steps in, events out, and exactly one terminal event unless the agent dies.
 */
import { type Cause, Clock, Duration, Effect, Exit, Stream } from "effect"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { MockStep } from "../MockScript.ts"
import { close, emit, type Live, type RunningTurn, type Steer, type TurnEnding, vanish } from "./MockAgent.ts"
import { compactItself } from "./MockCompaction.ts"
import { complete, say, work } from "./ScriptedItem.ts"
import { ask, elicit, goOn, pose } from "./ScriptedRequest.ts"
import { detach } from "./ScriptedTask.ts"

/**
 * Plays the turn to its end, with whatever is added to it meanwhile. Never fails. To be run uninterruptibly: a turn that
 * is interrupted before it has begun has its terminal event all the same.
 */
export const play = (live: Live, turn: RunningTurn, first: Steer): Effect.Effect<void> => {
  const round = (given: Steer, steered: boolean): Effect.Effect<void> =>
    Effect.interruptible(answer(live, turn, given, steered)).pipe(
      Effect.exit,
      Effect.flatMap((exit) => {
        const ending: TurnEnding = Exit.isSuccess(exit) ? { _tag: "Completed" } : endingOf(exit.cause)
        const next = ending._tag === "Completed" ? turn.steers.shift() : undefined
        return next === undefined ? finish(live, turn, ending) : round(next, true)
      })
    )
  return round(first, false)
}

const answer = (
  live: Live,
  turn: RunningTurn,
  { history, input }: Steer,
  steered: boolean
): Effect.Effect<void, TurnEnding> =>
  Effect.suspend(() => {
    const { agent, stored } = live
    const script = agent.nextScripts.shift() ?? agent.script
    const steps = script({
      sessionId: stored.sessionId,
      setup: live.setup,
      threadId: stored.threadId,
      turnId: turn.stored.turnId,
      prompt: input.prompt,
      input,
      model: stored.model,
      history,
      ordinal: turn.ordinal,
      steered
    })
    const performed = Stream.isStream(steps)
      ? Stream.runForEach(steps, (step) => perform(live, turn, step))
      : Effect.isEffect(steps)
      ? Effect.flatMap(steps, (all) => performAll(live, turn, all))
      : performAll(live, turn, steps)
    return Effect.andThen(performed, Effect.suspend(() => stepEnded(live, turn, turn.spoke ? "text" : "nothing")))
  })

/** The end of one call of the model, where this agent tells of them. */
const stepEnded = (live: Live, turn: RunningTurn, brought: "text" | "tool" | "nothing"): Effect.Effect<void> =>
  Effect.suspend(() => {
    turn.spoke = false
    if (!live.agent.capabilities.steps) return Effect.void
    return emit(live, [{ _tag: "StepEnded", turnId: turn.stored.turnId, brought }])
  })

const performAll = (live: Live, turn: RunningTurn, steps: ReadonlyArray<MockStep>) =>
  Effect.forEach(steps, (step) => perform(live, turn, step), { discard: true })

const perform = (live: Live, turn: RunningTurn, step: MockStep): Effect.Effect<unknown, TurnEnding> => {
  const turnId = turn.stored.turnId
  const called = stepEnded(live, turn, "tool")
  switch (step._tag) {
    case "Text":
      turn.spoke = true
      return say(live, turn, step.chunks, (itemId, text) => ({ _tag: "AssistantMessage", itemId, text }))
    case "Reasoning":
      return say(live, turn, step.chunks, (itemId, text) => ({ _tag: "Reasoning", itemId, text }))
    case "Tool":
      return work(live, turn, step, step.kind, step.tool, (itemId, status) => ({
        _tag: "ToolCall",
        itemId,
        tool: step.tool,
        kind: step.toolKind,
        ...(step.toolDetail === undefined ? {} : { detail: step.toolDetail }),
        input: step.input,
        status: status === "completed" && step.failed ? "failed" : status,
        ...(status === "completed" ? { output: step.output } : {}),
        ...(status === "completed" && step.content !== undefined ? { content: step.content } : {})
      })).pipe(Effect.andThen(called))
    case "Command":
      return work(live, turn, step, "command", step.command, (itemId, status) => ({
        _tag: "Command",
        itemId,
        command: step.command,
        status: status === "completed" && step.exitCode !== 0 ? "failed" : status,
        ...(status === "completed" ? { output: step.output, exitCode: step.exitCode } : {})
      })).pipe(Effect.andThen(called))
    case "FileChange":
      return work(
        live,
        turn,
        step,
        "file-change",
        step.edits.map((edit) => edit.path).join(", "),
        (itemId, status) => ({ _tag: "FileChange", itemId, edits: step.edits, status })
      ).pipe(Effect.andThen(called))
    case "Approval":
      return Effect.flatMap(Effect.tap(ask(live, turn, step), called), (decision) => {
        if (step.onAnswer !== undefined) return performAll(live, turn, step.onAnswer(decision))
        return goOn(live, decision)
      })
    case "Question":
      return Effect.flatMap(
        Effect.tap(pose(live, turn, step.questions), called),
        (given): Effect.Effect<void, TurnEnding> => {
          if (step.onAnswer !== undefined) return performAll(live, turn, step.onAnswer(given))
          if (given._tag === "Dismissed") return Effect.fail({ _tag: "Completed" })
          live.stored.history.push({ role: "tool", text: `answered: ${given.answers.flat().join(", ")}` })
          return Effect.void
        }
      )
    case "Elicitation":
      return Effect.flatMap(
        Effect.tap(elicit(live, turn, step.request), called),
        (given) => step.onAnswer === undefined ? Effect.void : performAll(live, turn, step.onAnswer(given))
      )
    case "Plan":
      return emit(live, [{ _tag: "PlanUpdated", turnId, steps: step.steps }])
    case "Usage":
      turn.usage = step.usage
      return emit(live, [{ _tag: "UsageUpdated", turnId, usage: step.usage }])
    case "Compaction":
      return Effect.flatMap(compactItself(live, turnId, step), (done) =>
        done || step.trigger === "auto"
          ? Effect.void
          : Effect.fail<TurnEnding>({ _tag: "Failed", failure: { _tag: "ContextOverflow" } }))
    case "Retry":
      return Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) =>
          emit(live, [{
            _tag: "RetryScheduled",
            turnId,
            attempt: step.attempt,
            nextAt: now + Duration.toMillis(step.after),
            ...(step.message === undefined ? {} : { message: step.message })
          }])
        ),
        Effect.andThen(Effect.sleep(step.after))
      )
    case "Warning":
      return emit(live, [{
        _tag: "Warning",
        turnId,
        code: step.code,
        ...(step.message === undefined ? {} : { message: step.message })
      }])
    case "Unrecognized":
      return emit(live, [{ _tag: "Unrecognized", turnId, type: step.type, raw: step.raw }])
    case "Emit":
      return emit(live, step.events)
    case "Wait":
      return Effect.asVoid(step.effect)
    case "Fail":
      return Effect.fail({ _tag: "Failed", failure: step.failure })
    case "Interrupted":
      return Effect.fail({ _tag: "Interrupted" })
    case "Crash":
      return Effect.fail({ _tag: "Crashed" })
    case "Hang":
      return Effect.never
    case "HangHard":
      turn.deaf = true
      return Effect.never
  }
}

const endingOf = (cause: Cause.Cause<TurnEnding>): TurnEnding => {
  let ending: TurnEnding = { _tag: "Interrupted" }
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail") return reason.error
    if (reason._tag === "Die") {
      ending = { _tag: "Failed", failure: { _tag: "Other", name: "MockScriptDied", message: String(reason.defect) } }
    }
  }
  return ending
}

const finish = (live: Live, turn: RunningTurn, ending: TurnEnding): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (live.turn !== turn || live.phase === "gone") return Effect.void
    if (ending._tag === "Crashed") return vanish(live, "unfinished", "end")
    const { stored: { turnId }, usage } = turn
    const events: Array<ProviderEvent> = []
    for (const item of turn.open.values()) events.push(complete(live, turn, item.now()))
    events.push(...detach(live, turn))
    switch (ending._tag) {
      case "Completed":
        close(live, turn, "completed")
        events.push({ _tag: "TurnCompleted", turnId, usage })
        break
      case "Failed":
        close(live, turn, "failed")
        events.push({ _tag: "TurnFailed", turnId, failure: ending.failure, usage })
        break
      case "Interrupted":
        close(live, turn, "interrupted")
        events.push({ _tag: "TurnInterrupted", turnId, by: turn.aborted ? "user" : "agent", usage })
        break
    }
    return emit(live, events)
  })
