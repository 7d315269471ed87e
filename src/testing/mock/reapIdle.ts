import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { SessionId, ThreadId } from "../../domain/Ids.ts"
import { defaults } from "../../host/Settings.ts"
import { ProviderService } from "../../service/ProviderService.ts"

/** The reaper's settings, where the service has others than the defaults. */
export interface ReapOptions {
  readonly idleAfter?: Duration.Input | undefined
  readonly sweepEvery?: Duration.Input | undefined
}

/** Nothing is reaped before it was idle for long enough; after that the next sweep does it. */
export const reapIdle = Effect.fn("MockProvider.reapIdle")(function*(
  threadId: ThreadId,
  { idleAfter = defaults.reaper.idleAfter, sweepEvery = defaults.reaper.sweepEvery }: ReapOptions,
  awaitStopped: (sessionId: SessionId) => Effect.Effect<unknown>
) {
  const agents = yield* ProviderService
  const { activeAt, sessionId, status } = yield* agents.getThread({ threadId })
  if (status === "stopped" || sessionId === undefined) return false
  const idleAt = activeAt + Duration.toMillis(Duration.fromInputUnsafe(idleAfter))
  yield* TestClock.adjust(Math.max(0, idleAt - (yield* Clock.currentTimeMillis)))
  const sweepMillis = Duration.toMillis(Duration.fromInputUnsafe(sweepEvery))
  const step = Math.min(sweepMillis, 1000)
  for (let passed = 0; passed <= sweepMillis + step; passed += step) {
    if ((yield* agents.getThread({ threadId })).status === "stopped") {
      yield* awaitStopped(sessionId)
      return true
    }
    yield* TestClock.adjust(step)
  }
  return false
})
