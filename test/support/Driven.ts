/** A session that is driven through the adapter's contract alone. Tests wait on its events. */
import { Effect, Fiber, Option, Queue, type Scope, Stream } from "effect"
import { TurnId } from "../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import type { TurnInput } from "../../src/domain/TurnInput.ts"
import type { ProviderSession } from "../../src/provider/ProviderAdapter.ts"

type Tag = ProviderEvent["_tag"]
export type EventOf<T extends Tag> = Extract<ProviderEvent, { readonly _tag: T }>
export type Ending = EventOf<"TurnCompleted" | "TurnFailed" | "TurnInterrupted">

export interface Driven {
  readonly session: ProviderSession
  /** Events so far, in order. */
  readonly seen: ReadonlyArray<ProviderEvent>
  /** Sends a turn and answers its id. */
  readonly send: (prompt: string, input?: Partial<TurnInput>) => Effect.Effect<TurnId>
  /** The next event of this kind that was not waited for yet. */
  readonly next: <T extends Tag>(...tags: ReadonlyArray<T>) => Effect.Effect<EventOf<T>>
  /** The end of the running turn. */
  readonly ending: Effect.Effect<Ending>
  /** Waits until the session is lost. */
  readonly ended: Effect.Effect<void>
  /** Sends a turn and waits for its end. */
  readonly run: (prompt: string, input?: Partial<TurnInput>) => Effect.Effect<Ending>
}

let turns = 0

export const drive = Effect.fnUntraced(
  function*(session: ProviderSession): Effect.fn.Return<Driven, never, Scope.Scope> {
    const seen: Array<ProviderEvent> = []
    const unread = yield* Queue.unbounded<ProviderEvent>()
    const reading = yield* session.events.pipe(
      Stream.runForEach((event) =>
        Effect.suspend(() => {
          seen.push(event)
          return Queue.offer(unread, event)
        })
      ),
      Effect.andThen(Queue.shutdown(unread)),
      Effect.forkScoped
    )
    const next = <T extends Tag>(...tags: ReadonlyArray<T>): Effect.Effect<EventOf<T>> => {
      const wanted = (event: ProviderEvent): event is EventOf<T> => tags.some((tag) => tag === event._tag)
      return Effect.filterOrElse(Queue.take(unread), wanted, () => next(...tags)).pipe(
        Effect.timeoutOrElse({
          duration: "25 seconds",
          orElse: () => Effect.die(new Error(`no ${tags.join(", ")} among ${seen.map(({ _tag }) => _tag).join(" ")}`))
        })
      )
    }
    const ending = Effect.suspend(() => next("TurnCompleted", "TurnFailed", "TurnInterrupted"))
    const send = Effect.fnUntraced(function*(prompt: string, input: Partial<TurnInput> = {}) {
      const turnId = TurnId.make(`turn-${++turns}`)
      const ref = yield* session.turnRef(turnId)
      yield* session.sendTurn({ turnId, ref, input: { prompt, ...input } }).pipe(Effect.orDie)
      return turnId
    })
    const ended = Effect.asVoid(Fiber.await(reading))
    return {
      session,
      seen,
      send,
      next,
      ending,
      ended,
      run: (prompt, input) => Effect.andThen(send(prompt, input), ending)
    }
  }
)

/** Completed items of one kind, in order. */
export const items = <T extends EventOf<"ItemCompleted">["item"]["_tag"]>(driven: Driven, tag: T) =>
  driven.seen.flatMap((event) => {
    if (event._tag !== "ItemCompleted") return []
    const { item } = event
    return item._tag === tag ? [item as Extract<typeof item, { readonly _tag: T }>] : []
  })

/** What is stored for a resume. */
export const cursorOf = ({ session }: Driven) => Effect.map(session.cursor, Option.getOrThrow)
