/** What hooks give a session: when they are asked, how long what they acquired lives, and what fails how. On the mock. */
import { assert, describe, it } from "@effect/vitest"
import {
  Deferred,
  Effect,
  Fiber,
  FileSystem,
  Layer,
  Path,
  Redacted,
  Result,
  Schedule,
  type Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import type { SessionOpening } from "../../src/hooks/index.ts"
import {
  InstanceId,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  ServiceError,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import { DirectoryInvalid, HookReentrant, SetupFailed } from "../../src/protocol.ts"
import type { SessionSetup } from "../../src/provider/SessionSetup.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { is, mock, threadId } = Agents
const other = InstanceId.make("other")

/** A hook that notes when it is asked, and when what it acquired is released. */
const noting = (
  given: (opening: SessionOpening) => Effect.Effect<SessionSetup, unknown> = () => Effect.succeed({})
) => {
  const notes: Array<string> = []
  const hook = LifecycleHooks.setup({
    name: "noting",
    run: (opening) =>
      Effect.acquireRelease(
        Effect.sync(() => notes.push(`${opening.cause} ${opening.epoch}`)),
        () => Effect.sync(() => notes.push(`over ${opening.epoch}`))
      ).pipe(Effect.andThen(given(opening)))
  })
  return { notes, hook }
}

const onMock = <A, E>(
  hooks: ReadonlyArray<ReturnType<typeof noting>["hook"]>,
  effect: Effect.Effect<A, E, Layer.Success<ReturnType<typeof Agents.layer>> | Scope.Scope>,
  options: Omit<Agents.Options, "hooks"> = {}
) => Effect.provide(effect, Agents.layer({ ...options, hooks }))

describe("LifecycleHooks.setup", () => {
  it.effect("P12 mock: is asked at every opening of an epoch, and of a live session no more", () => {
    const { hook, notes } = noting()
    return onMock(
      [hook],
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Layer.build(Layer.effectDiscard(MockProvider.make({ instanceId: other }))).pipe(
          Effect.provideService(ProviderRegistry, yield* ProviderRegistry)
        )
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "one" })
        yield* agents.startSession({ threadId })
        assert.deepStrictEqual(notes.splice(0), ["start 1"])
        yield* agents.stopSession({ threadId })
        yield* agents.runTurn({ threadId, prompt: "two" })
        assert.deepStrictEqual(notes.splice(0), ["over 1", "turn 2"])
        yield* agents.resetThread({ threadId })
        // Both sessions have theirs until the old one has ended.
        assert.deepStrictEqual(notes.splice(0), ["reset 3", "over 2"])
        yield* agents.runTurn({ threadId, prompt: "three" })
        yield* agents.startSession({ threadId, runtimeMode: "full-access" })
        assert.deepStrictEqual(notes.splice(0), ["start 4", "over 3"])
        yield* agents.startSession({ threadId, instanceId: other })
        assert.deepStrictEqual(notes.splice(0), ["swap 5", "over 4"])
        yield* agents.startSession({ threadId, instanceId: mock })
        assert.deepStrictEqual(notes.splice(0), ["swap 6", "over 5"])
        yield* agents.runTurn({ threadId, prompt: "four" })
        yield* agents.forkThread({ threadId, newThreadId: ThreadId.make("copy") })
        assert.deepStrictEqual(notes.splice(0), ["fork 1"])
        const live = (yield* agent.sessions).find((session) => session.live && session.threadId === threadId)
        assert.isDefined(live)
        if (live !== undefined) yield* agent.crash(live.sessionId)
        yield* Agents.awaitEvent((event): event is typeof event => is("SessionEnded")(event) && event.epoch === 6)
        yield* agents.runTurn({ threadId, prompt: "five" })
        assert.deepStrictEqual(notes.splice(0), ["over 6", "turn 7"])
        yield* agents.deleteThread({ threadId })
        assert.deepStrictEqual(notes.splice(0), ["over 7"])
      })
    )
  })

  it.effect("P9 mock: what it acquired is released when the reaper stops the session, and at a shutdown", () => {
    const { hook, notes } = noting()
    return Effect.gen(function*() {
      yield* onMock(
        [hook],
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const agent = yield* MockProvider
          yield* Agents.start()
          yield* agents.runTurn({ threadId, prompt: "one" })
          assert.isTrue(yield* agent.reapIdle(threadId))
          assert.deepStrictEqual(notes.splice(0), ["start 1", "over 1"])
          yield* agents.runTurn({ threadId, prompt: "two" })
        })
      )
      assert.deepStrictEqual(notes, ["turn 2", "over 2"])
    })
  })

  it.effect("P1 mock: runs before the directory is looked at, of a new thread, a stored one, and one that moves", () =>
    Effect.gen(function*() {
      const folder = yield* Agents.folder
      const path = yield* Path.Path
      const make = LifecycleHooks.setup({
        name: "worktree",
        run: Effect.fnUntraced(function*({ directory }) {
          yield* (yield* FileSystem.FileSystem).makeDirectory(directory, { recursive: true })
          return {}
        })
      }).pipe(Layer.provide(Agents.platform))
      yield* onMock(
        [make],
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const [one, two, three] = [path.join(folder, "one"), path.join(folder, "two"), path.join(folder, "three")]
          assert.strictEqual(
            (yield* agents.createThread({ threadId, instanceId: mock, directory: one })).directory,
            one
          )
          assert.strictEqual((yield* agents.startSession({ threadId })).directory, one)
          yield* agents.runTurn({ threadId, prompt: "one" })
          const moved = yield* agents.startSession({ threadId, directory: two, onMissing: "rehydrate" })
          assert.strictEqual(moved.directory, two)
          const next = { threadId: ThreadId.make("next"), instanceId: mock, directory: three }
          assert.strictEqual((yield* agents.startSession(next)).directory, three)
        })
      )
    }).pipe(Effect.provide(Agents.platform)))

  it.effect("P8 mock: a directory that no hook makes is refused, and what they acquired is released", () => {
    const { hook, notes } = noting()
    return onMock(
      [hook],
      Effect.gen(function*() {
        const error = yield* Effect.flip(Agents.start({ directory: "/nowhere/at/all" }))
        assert.instanceOf(error, DirectoryInvalid)
        assert.deepStrictEqual(notes, ["start 1", "over 1"])
        assert.lengthOf(yield* (yield* MockProvider).starts, 0)
      })
    )
  })

  it.effect("P12 mock: several hooks are asked by priority, and the agent is given all of it", () => {
    const asked: Array<string> = []
    const one = (name: string, priority: number, setup: SessionSetup) =>
      LifecycleHooks.setup({
        name,
        priority,
        run: () => Effect.as(Effect.sync(() => asked.push(name)), setup)
      })
    return onMock(
      [
        one("late", -1, { environment: { B: Redacted.make("b") }, instructions: "Be kind." }),
        one("early", 1, { environment: { A: "a" }, instructions: "Be brief.", directories: ["/tmp"] })
      ],
      Effect.gen(function*() {
        yield* Agents.start()
        const [start] = yield* (yield* MockProvider).starts
        assert.deepStrictEqual(asked, ["early", "late"])
        assert.deepInclude<unknown>(start?.setup, {
          environment: { A: "a", B: Redacted.make("b") },
          instructions: "Be brief.\n\nBe kind.",
          directories: ["/tmp"]
        })
      })
    )
  })
})

/** As JavaScript can answer it, whatever its type says. */
const untyped = (text: string): SessionSetup => JSON.parse(text)

/** How a hook can fail, and what the caller is told of it. Each says the secret, and nothing of it comes through. */
const secret = "walnut-7731-abendrot"
const failures: ReadonlyArray<
  readonly [what: string, run: Effect.Effect<SessionSetup, unknown>, expected: Partial<SetupFailed>]
> = [
  ["fails", Effect.fail({ _tag: "VaultSealed", token: secret }), { reason: "failed", error: "VaultSealed" }],
  ["throws", Effect.sync(() => assert.fail(secret)), { reason: "failed", error: "AssertionError" }],
  ["is interrupted", Effect.interrupt, { reason: "failed", error: "Interrupt" }],
  ["answers nothing", Effect.succeed(untyped("null")), {
    reason: "invalid",
    issues: [{ path: "", reason: "Expected object" }]
  }],
  ["answers a word", Effect.succeed(untyped(JSON.stringify(secret))), {
    reason: "invalid",
    issues: [{ path: "", reason: "Expected object" }]
  }],
  [
    "misspells a part",
    Effect.succeed(untyped(JSON.stringify({ env: { TOKEN: secret } }))),
    { reason: "invalid", issues: [{ path: "env", reason: "Expected no excess property" }] }
  ],
  [
    "answers what cannot be read",
    Effect.succeed({
      get environment() {
        return assert.fail(secret)
      }
    }),
    { reason: "failed" }
  ]
]

describe("SetupFailed", () => {
  for (const [what, run, expected] of failures) {
    it.effect(`P15 mock: a hook that ${what}: the start fails, no agent is asked, nothing is kept`, () => {
      const { hook, notes } = noting(() => run)
      return onMock(
        [hook],
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const error = yield* Effect.flip(Agents.start())
          assert.instanceOf(error, SetupFailed)
          assert.deepInclude(error, { threadId, instanceId: mock, hook: "noting", ...expected })
          assert.strictEqual(error.retryable, expected.reason === "failed")
          const shown = ServiceError.toPublic(error)
          assert.strictEqual(shown.status, 503)
          assert.notInclude(JSON.stringify([shown, error, error.message]), secret)
          assert.deepStrictEqual(notes, ["start 1", "over 1"])
          assert.lengthOf(yield* (yield* MockProvider).starts, 0)
          assert.lengthOf((yield* agents.listThreads({})).threads, 0)
        })
      )
    })
  }

  it.effect("P15 mock: two hooks that contradict each other: the start names the variable, not its values", () =>
    onMock(
      ["a", "b"].map((name) =>
        LifecycleHooks.setup({
          name,
          run: () => Effect.succeed({ environment: { HOME_TOKEN: Redacted.make(`${secret}-${name}`) } })
        })
      ),
      Effect.gen(function*() {
        const error = yield* Effect.flip(Agents.start())
        assert.deepInclude<unknown>(error, { _tag: "SetupFailed", hook: "b", reason: "conflict", name: "HOME_TOKEN" })
        assert.notInclude(JSON.stringify(error), secret)
      })
    ))

  it.effect("P8 mock: a hook that hangs is given up at its deadline; the next call finds the thread free", () => {
    let hangs = true
    const { hook, notes } = noting(() => hangs ? Effect.never : Effect.succeed({}))
    return onMock(
      [hook],
      Effect.gen(function*() {
        const start = yield* Effect.forkChild(Effect.flip(Agents.start()), { startImmediately: true })
        yield* until(() => notes.length === 1)
        yield* TestClock.adjust("2 minutes")
        assert.deepInclude<unknown>(yield* Fiber.join(start), {
          _tag: "SetupFailed",
          reason: "timeout",
          retryable: true
        })
        assert.deepStrictEqual(notes.splice(0), ["start 1", "over 1"])
        hangs = false
        assert.strictEqual((yield* Agents.start()).epoch, 1)
      })
    )
  })

  it.effect("P8 mock: a hook that heeds no interrupt is abandoned; what it acquires afterwards is released at once", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      const stubborn = LifecycleHooks.setup({
        name: "stubborn",
        run: () =>
          Deferred.succeed(begun, undefined).pipe(
            Effect.andThen(Deferred.await(gate)),
            Effect.andThen(Effect.addFinalizer(() => Deferred.succeed(released, undefined))),
            Effect.uninterruptible,
            Effect.as({})
          )
      })
      yield* onMock(
        [stubborn],
        Effect.gen(function*() {
          const start = yield* Effect.forkChild(Effect.flip(Agents.start()), { startImmediately: true })
          yield* Deferred.await(begun)
          yield* TestClock.adjust("2 minutes")
          yield* TestClock.adjust("5 seconds")
          assert.deepInclude<unknown>(yield* Fiber.join(start), { _tag: "SetupFailed", reason: "timeout" })
          yield* Deferred.succeed(gate, undefined)
          yield* Deferred.await(released)
          assert.deepInclude<unknown>(yield* Effect.flip(Agents.start()), { _tag: "SetupFailed", reason: "suspended" })
        })
      )
    }))

  it.effect("P8 mock: a stop cuts through a setup that hangs, and what it acquired is released", () => {
    const { hook, notes } = noting(() => Effect.never)
    return onMock(
      [hook],
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const start = yield* Effect.forkChild(Effect.flip(Agents.start()), { startImmediately: true })
        yield* until(() => notes.length === 1)
        yield* agents.stopSession({ threadId })
        assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
        assert.deepStrictEqual(notes, ["start 1", "over 1"])
      })
    )
  })

  it.effect("P8 mock: what a hook acquired and does not release in time holds no thread", () => {
    const slow = LifecycleHooks.setup({
      name: "slow",
      run: () => Effect.as(Effect.addFinalizer(() => Effect.never), {})
    })
    return onMock(
      [slow],
      Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start()
        const stop = yield* Effect.forkChild(agents.stopSession({ threadId }), { startImmediately: true })
        yield* Agents.awaitEvent(is("SessionEnded"))
        yield* TestClock.adjust("15 seconds")
        yield* Fiber.join(stop)
        assert.strictEqual((yield* agents.startSession({ threadId })).epoch, 2)
        const last = yield* Effect.forkChild(agents.deleteThread({ threadId }), { startImmediately: true })
        yield* TestClock.adjust("15 seconds")
        yield* Fiber.join(last)
      })
    )
  })

  it.effect("P1 mock: a setup that fails leaves a live session alone: at a reset, another mode, a refresh", () => {
    let works = true
    const { hook, notes } = noting(() => works ? Effect.succeed({}) : Effect.fail("no"))
    return onMock(
      [hook],
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const { sessionId } = yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "one" })
        works = false
        for (
          const call of [
            agents.resetThread({ threadId }),
            agents.startSession({ threadId, runtimeMode: "read-only" }),
            agents.refreshSetup({ threadId })
          ]
        ) {
          assert.strictEqual((yield* Effect.flip<unknown, { readonly _tag: string }, never>(call))._tag, "SetupFailed")
        }
        assert.strictEqual((yield* agents.startSession({ threadId })).sessionId, sessionId)
        assert.deepStrictEqual(notes, ["start 1", "reset 2", "over 2", "start 2", "over 2", "refresh 2", "over 2"])
      })
    )
  })

  it.effect("P12 mock: a setup that uses its own thread is refused by what would wait for the setup", () => {
    const told: Array<unknown> = []
    const inside = LifecycleHooks.setup({
      name: "inside",
      run: Effect.fnUntraced(function*({ directory, instanceId }) {
        const agents = yield* ProviderService
        const thread = { threadId, instanceId, directory }
        told.push(
          yield* Effect.flip(agents.stopSession({ threadId })),
          yield* Effect.flip(agents.refreshSetup({ threadId })),
          yield* Effect.flip(agents.createThread(thread)),
          yield* Effect.flip(agents.importThread({ ...thread, turns: Stream.empty }))
        )
        return {}
      })
    })
    return onMock(
      [inside],
      Effect.gen(function*() {
        yield* Agents.start()
        const refused = new HookReentrant({ threadId, hook: "inside", event: "session:setup" })
        assert.deepStrictEqual(told, Array.from({ length: 4 }, () => refused))
      })
    )
  })

  it.effect("P12 mock: a setup labels, annotates and saves the thread that waits for it, once there is one", () => {
    const told: Array<unknown> = []
    const noting = LifecycleHooks.setup({
      name: "noting",
      run: Effect.fnUntraced(function*({ cause }) {
        const agents = yield* ProviderService
        const archive = yield* TranscriptArchive
        const calls = [
          agents.configureThread({ threadId, labels: { cause } }),
          agents.annotate({ threadId, kind: "setup", data: cause }),
          archive.snapshot({ threadId })
        ]
        for (const call of calls) {
          const exit = yield* Effect.result<unknown, { readonly _tag: string }, never>(call)
          told.push(Result.isSuccess(exit) ? cause : exit.failure._tag)
        }
        return {}
      })
    })
    return onMock(
      [noting],
      Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "one" })
        yield* agents.stopSession({ threadId })
        const { continuity } = yield* agents.runTurn({ threadId, prompt: "two" })
        assert.strictEqual(continuity._tag, "Resumed")
        yield* agents.resetThread({ threadId })
        const missing = Array.from({ length: 3 }, () => "ThreadNotFound")
        assert.deepStrictEqual(told, [...missing, "turn", "turn", "turn", "reset", "reset", "reset"])
        assert.deepStrictEqual((yield* agents.getThread({ threadId })).labels, { cause: "reset" })
        const events = yield* Agents.stored()
        assert.deepStrictEqual(events.map(({ seq }) => seq), events.map((_, n) => n + 1))
        assert.deepStrictEqual(events.filter(is("Annotated")).map(({ data }) => data), ["turn", "reset"])
        assert.lengthOf(events.filter(is("SnapshotWritten")), 2)
      })
    )
  })
})

describe("refreshSetup", () => {
  it.effect("P1 mock: a live session is started again, resumed, only where the answer has changed", () => {
    let word = "one"
    const { hook, notes } = noting(() => Effect.succeed({ environment: { WORD: Redacted.make(word) } }))
    return onMock(
      [hook],
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "remember" })
        const same = yield* agents.refreshSetup({ threadId })
        assert.deepInclude(same, { threadId, applied: "unchanged" })
        assert.strictEqual(same.session?.epoch, 1)
        assert.deepStrictEqual(notes.splice(0), ["start 1", "refresh 2", "over 2"])
        word = "two"
        const changed = yield* agents.refreshSetup({ threadId })
        assert.strictEqual(changed.applied, "restarted")
        assert.deepInclude<unknown>(changed.session, { epoch: 2, continuity: { _tag: "Resumed" } })
        assert.deepStrictEqual(notes.splice(0), ["refresh 2", "over 1"])
        assert.deepStrictEqual((yield* agent.starts).map(({ setup }) => setup?.environment), [
          { WORD: Redacted.make("one") },
          { WORD: Redacted.make("two") }
        ])
        yield* agents.stopSession({ threadId })
        assert.deepStrictEqual(yield* agents.refreshSetup({ threadId }), { threadId, applied: "next-session" })
        assert.deepStrictEqual(notes.splice(0), ["over 2"])
      })
    )
  })

  it.effect("P4 mock: is refused while a turn runs, and of a thread that is not there", () => {
    const { hook, notes } = noting()
    return onMock(
      [hook],
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        assert.strictEqual((yield* Effect.flip(agents.refreshSetup({ threadId })))._tag, "ThreadNotFound")
        yield* Agents.start()
        yield* agent.script(() => [MockStep.hang])
        const { turnId } = yield* agents.sendTurn({ threadId, prompt: "work" })
        assert.deepInclude<unknown>(yield* Effect.flip(agents.refreshSetup({ threadId })), {
          _tag: "TurnInProgress",
          turnId
        })
        assert.deepStrictEqual(notes, ["start 1"])
      })
    )
  })
})

/** Until something that no event tells of has happened. */
const until = (holds: () => boolean) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, Effect.sync(holds)), {
    until: (held) => held,
    schedule: Schedule.forever
  })
