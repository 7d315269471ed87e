/** Where a turn begins in its thread's log. */
import { Effect, Option, Stream } from "effect"
import type { TurnId } from "../../domain/Ids.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import type { ThreadInfo } from "../../service/Results.ts"
import { TurnNotFound } from "../../service/ServiceError.ts"

/** A turn that is asked for has most likely begun not long ago. */
const firstWindow = 256

/** The `seq` before the turn's first event. Reads the log from its end, in windows that grow fourfold. */
export const startOf = (
  agents: ProviderService["Service"],
  { lastSeq, threadId }: Pick<ThreadInfo, "threadId" | "lastSeq">,
  turnId: TurnId
) => {
  const missing = new TurnNotFound({ threadId, turnId })
  const within = (
    window: number
  ): Effect.Effect<number, Stream.Error<ReturnType<typeof agents.streamEvents>> | TurnNotFound> => {
    const after = Math.max(0, lastSeq - window)
    return agents.streamEvents({ threadId, after }).pipe(
      Stream.takeUntil(({ seq }) => seq >= lastSeq),
      Stream.filter((event) => (event._tag === "TurnStarted" || event._tag === "TurnBegan") && event.turnId === turnId),
      Stream.runHead,
      Effect.flatMap(Option.match({
        onSome: ({ seq }) => Effect.succeed(seq - 1),
        onNone: () => after === 0 ? Effect.fail(missing) : within(window * 4)
      }))
    )
  }
  return lastSeq === 0 ? Effect.fail(missing) : within(firstWindow)
}
