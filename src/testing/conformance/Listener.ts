/**
 * Sessions of the adapter alone, without the service.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Fiber, Scope, Stream, SubscriptionRef } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import type { ProviderEvent, TerminalEvent } from "../../domain/ThreadEvent.ts"
import type { TurnInput } from "../../domain/TurnInput.ts"
import type { ProviderSession, SendTurnError, StartInput } from "../../provider/ProviderAdapter.ts"
import { Violated } from "./Check.ts"
import { type Host, thread, within } from "./Host.ts"

/**
 * A session of the adapter alone, and all that it has emitted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  readonly session: ProviderSession
  readonly seen: Effect.Effect<ReadonlyArray<ProviderEvent>>
  readonly awaitEvent: <A extends ProviderEvent>(
    what: string,
    fits: (event: ProviderEvent) => event is A
  ) => Effect.Effect<A, Violated>
  /** Sends, without waiting for the end. */
  readonly send: (prompt: string, more?: Omit<TurnInput, "prompt">) => Effect.Effect<TurnId, SendTurnError | Violated>
  /** Sends and waits for the end; answers the agent's last message. */
  readonly run: (prompt: string, more?: Omit<TurnInput, "prompt">) => Effect.Effect<string, SendTurnError | Violated>
  /** Succeeds once `events` has ended. */
  readonly ended: Effect.Effect<void, Violated>
  /** Closes the session's scope; the exit is the scope's. May be called again. */
  readonly close: Effect.Effect<Exit.Exit<void>, Violated>
}

/**
 * A turn's terminal event, as the adapter emits it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const endsTurn = (turnId: TurnId) => (event: ProviderEvent): event is Extract<ProviderEvent, TerminalEvent> =>
  (event._tag === "TurnCompleted" || event._tag === "TurnFailed" || event._tag === "TurnInterrupted") &&
  event.turnId === turnId

/**
 * Starts an item of this turn.
 *
 * @category predicates
 * @since 0.1.0
 */
export const startsItem =
  (turnId: TurnId) => (event: ProviderEvent): event is Extract<ProviderEvent, { readonly _tag: "ItemStarted" }> =>
    event._tag === "ItemStarted" && event.turnId === turnId

let turns = 0

/**
 * `startSession` of the adapter itself, in a scope that ends with this one at the latest.
 *
 * @category driving
 * @since 0.1.0
 */
export const listen = Effect.fnUntraced(function*(host: Host, input: Partial<StartInput> = {}) {
  const { adapter, bench } = host
  const scope = Scope.makeUnsafe()
  // In a fiber of its own, because nothing can interrupt a scope that hangs in closing.
  const close = Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true }).pipe(
    Effect.flatMap((fiber) => within(bench, "the session's scope to close", Fiber.await(fiber)))
  )
  // A close that fails or hangs is a matter of the rules about closing.
  yield* Effect.addFinalizer(() => Effect.ignore(close))
  const session = yield* within(
    bench,
    "startSession to return",
    adapter.startSession({
      threadId: thread,
      directory: bench.directories.home,
      runtimeMode: bench.capabilities.runtimeModes[0] ?? "approval-required",
      projectConfig: bench.capabilities.projectConfig.find((config) => config !== "trust") ?? "trust",
      from: { _tag: "New" },
      ...input
    })
  ).pipe(Scope.provide(scope))
  const all = yield* SubscriptionRef.make<ReadonlyArray<ProviderEvent>>([])
  const reading = yield* session.events.pipe(
    Stream.runForEachArray((events) => SubscriptionRef.update(all, (before) => [...before, ...events])),
    Effect.forkScoped
  )
  const awaitEvent = <A extends ProviderEvent>(what: string, fits: (event: ProviderEvent) => event is A) =>
    within(
      bench,
      what,
      SubscriptionRef.changes(all).pipe(
        Stream.map((events) => events.find(fits)),
        Stream.filter((event) => event !== undefined),
        Stream.runHead,
        Effect.flatMap(Effect.fromOption),
        Effect.orDie
      )
    )
  const send = Effect.fnUntraced(function*(prompt: string, more: Omit<TurnInput, "prompt"> = {}) {
    const turnId = TurnId.make(`turn-${process.pid}-${++turns}`)
    const ref = yield* session.turnRef(turnId)
    yield* within(bench, `the acceptance of "${prompt}"`, session.sendTurn({ turnId, ref, input: { prompt, ...more } }))
    return turnId
  })
  const listener: Listener = {
    session,
    seen: SubscriptionRef.get(all),
    awaitEvent,
    send,
    run: Effect.fnUntraced(function*(prompt: string, more?: Omit<TurnInput, "prompt">) {
      const turnId = yield* send(prompt, more)
      const ending = yield* awaitEvent(`the end of the turn "${prompt}"`, endsTurn(turnId))
      if (ending._tag !== "TurnCompleted") return yield* new Violated({ expected: "TurnCompleted", seen: ending })
      return textOf(yield* SubscriptionRef.get(all), turnId)
    }),
    ended: Effect.asVoid(within(bench, "the end of the session's events", Fiber.await(reading))),
    close
  }
  return listener
})

const textOf = (events: ReadonlyArray<ProviderEvent>, turnId: TurnId): string => {
  let text = ""
  for (const event of events) {
    if (event._tag === "ItemCompleted" && event.turnId === turnId && event.item._tag === "AssistantMessage") {
      text = event.item.text
    }
  }
  return text
}

/**
 * The cursor of a session that has had a turn.
 *
 * @category getters
 * @since 0.1.0
 */
export const cursorOf = Effect.fnUntraced(function*({ session }: Listener) {
  const cursor = yield* session.cursor
  return cursor._tag === "Some"
    ? cursor.value
    : yield* new Violated({ expected: "a cursor after the first turn", seen: "none" })
})
