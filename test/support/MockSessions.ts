/** A mock of its own for each test, driven through the registry alone. */
import { Deferred, Effect, Exit, Option, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { CompactionTrigger } from "../../src/domain/Compaction.ts"
import { InstanceId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import type { TurnInput } from "../../src/domain/TurnInput.ts"
import type { CompactionVerdict, ProviderSession, StartFrom, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { ProviderRegistry } from "../../src/provider/ProviderRegistry.ts"
import { MockProvider, type MockProviderOptions } from "../../src/testing/index.ts"

/** Runs a test against a mock of its own, through the registry only. */
export const withMock = <A, E>(
  options: MockProviderOptions,
  test: (mock: MockProvider["Service"]) => Effect.Effect<A, E, ProviderRegistry | Scope.Scope>
) =>
  Effect.gen(function*() {
    const mock = yield* MockProvider.make(options)
    return yield* test(mock)
  }).pipe(Effect.scoped, Effect.provide(ProviderRegistry.layer, { local: true }))

export const adapter = (instanceId: string) =>
  Effect.flatMap(ProviderRegistry, (registry) => registry.get(InstanceId.make(instanceId))).pipe(
    Effect.flatMap(Effect.fromOption)
  )

/** Starts a session in a scope of its own and collects what it emits. */
export const open = Effect.fnUntraced(function*(options: {
  readonly instanceId?: string
  readonly thread?: string
  readonly directory?: string
  readonly runtimeMode?: RuntimeMode
  readonly model?: string
  readonly title?: string
  readonly from?: StartFrom
  readonly compaction?: StartInput["compaction"]
} = {}) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (open) => Scope.close(open, Exit.void))
  const { startSession } = yield* adapter(options.instanceId ?? "mock")
  const session = yield* startSession({
    threadId: ThreadId.make(options.thread ?? "thread"),
    directory: options.directory ?? "/project",
    runtimeMode: options.runtimeMode ?? "full-access",
    projectConfig: "instructions",
    from: options.from ?? { _tag: "New" },
    compaction: options.compaction,
    ...(options.model === undefined ? {} : { model: { id: options.model } }),
    ...(options.title === undefined ? {} : { title: options.title })
  }).pipe(Scope.provide(scope))
  const events: Array<ProviderEvent> = []
  const batches: Array<number> = []
  const reader = yield* session.events.pipe(
    Stream.runForEachArray((batch) =>
      Effect.sync(() => {
        batches.push(batch.length)
        events.push(...batch)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return { session, events, batches, reader, close: Scope.close(scope, Exit.void) }
})

export const send = Effect.fnUntraced(function*(
  session: ProviderSession,
  prompt: string,
  input: Partial<TurnInput> = {},
  id: string = prompt
) {
  const turnId = TurnId.make(id)
  const ref = yield* session.turnRef(turnId)
  return yield* session.sendTurn({ turnId, ref, input: { prompt, ...input } })
})

export const outcomeOf = (mock: MockProvider["Service"], turn: string) =>
  mock.awaitSession((session) =>
    session.turns.some(({ outcome, turnId }) => turnId === turn && outcome !== "unfinished")
  ).pipe(
    Effect.map((session) => session.turns.find(({ turnId }) => turnId === turn)?.outcome),
    Effect.tap(Effect.yieldNow)
  )

export const turn = (
  mock: MockProvider["Service"],
  session: ProviderSession,
  prompt: string,
  input: Partial<TurnInput> = {}
) => Effect.andThen(send(session, prompt, input), outcomeOf(mock, prompt))

export const resume = (session: ProviderSession) =>
  Effect.map(
    session.cursor,
    (cursor): StartFrom => ({ _tag: "Resume", cursor: Option.getOrUndefined(cursor) })
  )

export const tags = (events: ReadonlyArray<ProviderEvent>) => events.map((event) => event._tag)

export const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, { onFailure: (error) => error._tag, onSuccess: () => "success" })

/** A gate that waits for its answers, and what it was asked. */
export const gated = (auto = true) => {
  const asked: Array<CompactionTrigger | "given up"> = []
  const answers: Array<Deferred.Deferred<CompactionVerdict>> = []
  const answer = (verdict: CompactionVerdict) =>
    Effect.suspend(() => Deferred.succeed(answers.shift() ?? Deferred.makeUnsafe<CompactionVerdict>(), verdict))
  const gate = (trigger: CompactionTrigger) =>
    Effect.suspend(() => {
      asked.push(trigger)
      const waiting = Deferred.makeUnsafe<CompactionVerdict>()
      answers.push(waiting)
      return Effect.onInterrupt(Deferred.await(waiting), () => Effect.sync(() => asked.push("given up")))
    })
  return {
    compaction: { auto, gate },
    asked,
    allow: (...context: ReadonlyArray<string>) => answer({ _tag: "Allow", context }),
    veto: answer({ _tag: "Veto", reason: "not now" })
  }
}

/** The gate is asked: nothing is left to run in the mock but what waits for its answer. */
export const held = (mock: MockProvider["Service"]) =>
  Effect.andThen(mock.awaitSession(({ compaction }) => compaction === "held"), TestClock.adjust(0))

export const settled = (mock: MockProvider["Service"]) =>
  Effect.andThen(mock.awaitSession(({ compaction }) => compaction === undefined), TestClock.adjust(0))

export const folder = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "mock-")))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)
