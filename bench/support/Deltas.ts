/** A turn of 10,000 deltas on a real agent, with one reader of its thread. */
import { Effect, Fiber, Stream } from "effect"
import { isTerminal, ProviderService, type ThreadEvent, type ThreadId } from "../../src/index.ts"
import { millis } from "./Figure.ts"

const deltas = 10_000
export const prompt = `deltas ${deltas}`
const expected = "delta ".length * deltas

/** Deltas per second, of a turn that took so many milliseconds. */
export const rate = (took: number) => [deltas / took * 1000]

/** Runs the turn and stops its session; from the prompt to the end of the turn, and how much did not come. */
export const turn = Effect.fnUntraced(function*(threadId: ThreadId) {
  const agents = yield* ProviderService
  let characters = 0
  const take = (event: ThreadEvent) => {
    if (event._tag === "ItemDelta") characters += event.delta.length
  }
  const reader = yield* agents.streamEvents({ threadId }).pipe(
    Stream.takeUntil(isTerminal),
    Stream.runForEachArray((events) => Effect.sync(() => events.forEach(take))),
    Effect.forkChild({ startImmediately: true })
  )
  const took = yield* millis(Effect.andThen(agents.sendTurn({ threadId, prompt }), Fiber.join(reader)))
  yield* agents.stopSession({ threadId })
  return { rate: rate(took), lost: Math.abs(expected - characters) }
})
