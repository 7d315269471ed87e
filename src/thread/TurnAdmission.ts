/**
 * What comes before a prompt is sent: the session's start is told to hooks, guards are asked, and context is added.
 */
import { Effect } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import type { RecordedInput, TurnInput, TurnOrigin } from "../domain/TurnInput.ts"
import { TurnVetoed } from "../service/ServiceError.ts"
import * as Blobs from "../store/Blobs.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import type { Decision } from "./ThreadHooks.ts"

interface Asked {
  readonly turnId: TurnId
  readonly input: TurnInput
  readonly origin: TurnOrigin
}

/**
 * Waits for `session:start`, asks guards, collects context from transforms. Answers the input as it is sent, and the notes
 * that are in it. Fails with `TurnVetoed`.
 */
export const admit = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  { input, origin, turnId }: Asked
) {
  // Fast path: with nothing to wait for, no interruptible fiber is forked.
  const decision = live.state.greeted && !deps.hooks.asks("turn:start")
    ? unasked
    : yield* ask(deps, cell, live, turnId, { ...input, ...origin })
  if (decision._tag === "Veto") {
    const { hook, reason } = decision
    return yield* new TurnVetoed({ threadId: cell.threadId, turnId, hook, reason })
  }
  const { notes } = live.state
  const context = [...(input.context ?? []), ...notes.map(({ text }) => text), ...decision.context]
  const model = input.model ?? (live.modelChanged ? live.binding.model : undefined)
  return {
    notes,
    input: {
      ...input,
      ...(context.length === 0 ? {} : { context }),
      ...(model === undefined ? {} : { model })
    }
  }
})

const unasked: Decision = { _tag: "Allow", context: [] }

const ask = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  turnId: TurnId,
  input: RecordedInput
) {
  const { epoch, threadId } = live.binding
  const offered = Blobs.ofInput(input)
  const asked = Effect.suspend(() =>
    deps.hooks.asks("turn:start")
      ? deps.hooks.decide({
        ...LifecycleRecord.make<"turn:start">(
          { seq: live.log.lastSeq ?? 0, at: deps.clock.currentTimeMillisUnsafe(), threadId, epoch },
          live.binding,
          turnId,
          { _tag: "turn:start", turnId }
        ),
        input: offered.input
      })
      : Effect.succeed(unasked)
  )
  live.offered = offered.blobs
  const exit = yield* Effect.ensuring(
    ThreadCell.interruptible(deps, cell, Effect.andThen(awaitSessionStartHooks(deps, live), asked)),
    Effect.sync(() => {
      live.offered = []
    })
  )
  return yield* ThreadCell.valueOf(cell, exit)
})

/**
 * Waits until hooks have been told of the session's start, before the agent is first asked for something. A wait that is
 * given up leaves the next caller to wait for the same hooks.
 */
export const awaitSessionStartHooks = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch) =>
  Effect.suspend(() =>
    live.state.greeted
      ? Effect.void
      : Effect.andThen(
        deps.hooks.delivered("session:start", live.binding, deps.settings.hookBudget),
        LiveEpoch.advance(deps, live, { _tag: "Greeted" })
      )
  )
