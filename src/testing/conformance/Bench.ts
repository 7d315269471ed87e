/**
 * Where a rule is proved: hosts that are built and torn down on one store file with the adapter in its Layer, and
 * sessions of the adapter alone.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Fiber, type Path, Scope, Stream, SubscriptionRef } from "effect"
import { ThreadId, TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import { isTerminal, type ProviderEvent, type TerminalEvent, type ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { TurnInput } from "../../domain/TurnInput.ts"
import type { Settings } from "../../host/Settings.ts"
import type {
  Capabilities,
  ProviderAdapter,
  ProviderSession,
  SendTurnError,
  StartInput
} from "../../provider/ProviderAdapter.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import { type NotChecked, type Tagged, Violated } from "./Check.ts"
import type { Commands, Controls, Directories, HostileProject, Tool } from "./Fixture.ts"
import type { Prompts } from "./Prompts.ts"

/**
 * What a rule is given. Every bench has a store file and directories of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bench {
  readonly capabilities: Capabilities
  readonly prompts: Prompts
  readonly directories: Directories
  /** A name for a file that no other rule uses; rules may share their directories. */
  readonly file: (name: string) => string
  readonly path: Path.Path
  readonly exists: (path: string) => Effect.Effect<boolean>
  /** Whether commands and edits really happen. */
  readonly hands: boolean
  readonly models: readonly [string, string] | undefined
  readonly commands: Commands | undefined
  readonly signIn: string | undefined
  readonly tools: ReadonlyArray<Tool> | undefined
  readonly sessions: number
  /** A hostile project in a new directory. */
  readonly project: (
    name: string
  ) => Effect.Effect<HostileProject & { readonly directory: string }, NotChecked>
  /** Whether the files of the store hold these characters, as they are. */
  readonly inStore: (text: string) => Effect.Effect<boolean>
  /** In milliseconds. */
  readonly patience: number
  /** Runs on a new host on the bench's store file. Its end is an orderly shutdown. */
  readonly onHost: <A, E extends Tagged>(
    use: (host: Host) => Effect.Effect<A, E, Scope.Scope>,
    settings?: Settings
  ) => Effect.Effect<A, E | Tagged>
  /** The adapter delivers something that it does not declare. */
  readonly undeclared: (capability: keyof Capabilities) => Effect.Effect<void>
}

/**
 * One host, with the adapter under proof as its only one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  readonly agents: ProviderService["Service"]
  readonly store: SessionStore["Service"]
  readonly adapter: ProviderAdapter
  readonly controls: Controls
  readonly bench: Bench
}

/**
 * The thread that a rule uses unless it says otherwise.
 *
 * @category constants
 * @since 0.1.0
 */
export const thread = ThreadId.make("thread")

/**
 * Whether an event is one of a kind.
 *
 * @category models
 * @since 0.1.0
 */
export type Is<A> = (event: ThreadEvent) => event is ThreadEvent & A

/**
 * Whether an event has this tag.
 *
 * @category predicates
 * @since 0.1.0
 */
export const is =
  <Tag extends ThreadEvent["_tag"]>(tag: Tag) =>
  (event: ThreadEvent): event is Extract<ThreadEvent, { readonly _tag: Tag }> => event._tag === tag

/**
 * The effect within the agent's patience.
 *
 * @category waiting
 * @since 0.1.0
 */
export const within = <A, E, R>(bench: Bench, what: string, effect: Effect.Effect<A, E, R>) =>
  Effect.timeoutOrElse(effect, {
    duration: bench.patience,
    orElse: () => Effect.fail(new Violated({ expected: what, seen: `nothing in ${bench.patience} ms` }))
  })

/**
 * Starts the thread on the agent, in `home` unless said otherwise.
 *
 * @category driving
 * @since 0.1.0
 */
export const start = (
  host: Host,
  options: Omit<Parameters<Host["agents"]["startSession"]>[0], "threadId"> & { readonly threadId?: ThreadId } = {}
) =>
  within(
    host.bench,
    "a start",
    host.agents.startSession({
      threadId: thread,
      instanceId: host.adapter.instanceId,
      directory: host.bench.directories.home,
      ...options,
      runtimeMode: options.runtimeMode ?? onlyMode(host.bench.capabilities)
    })
  )

/** For an agent that has not the service's own default. */
const onlyMode = ({ runtimeModes }: Capabilities): RuntimeMode | undefined =>
  runtimeModes.includes("approval-required") ? undefined : runtimeModes[0]

/**
 * Runs one turn that completes.
 *
 * @category driving
 * @since 0.1.0
 */
export const run = (host: Host, prompt: string, threadId: ThreadId = thread) =>
  within(host.bench, `the end of the turn "${prompt}"`, host.agents.runTurn({ threadId, prompt }))

/**
 * What the agent has in its context.
 *
 * @category driving
 * @since 0.1.0
 */
export const recall = (host: Host, threadId: ThreadId = thread) => run(host, host.bench.prompts.recall, threadId)

/**
 * The first event of the thread that fits, stored or to come.
 *
 * @category waiting
 * @since 0.1.0
 */
export const awaitEvent = <A extends ThreadEvent>(
  host: Host,
  what: string,
  fits: (event: ThreadEvent) => event is A,
  threadId: ThreadId = thread
) =>
  within(
    host.bench,
    what,
    host.agents.streamEvents({ threadId }).pipe(
      Stream.filter(fits),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption),
      Effect.orDie
    )
  )

/**
 * Sends a turn; `end` waits for its terminal event.
 *
 * @category driving
 * @since 0.1.0
 */
export const send = Effect.fnUntraced(function*(host: Host, prompt: string, threadId: ThreadId = thread) {
  const { epoch, turnId } = yield* within(
    host.bench,
    `the acceptance of "${prompt}"`,
    host.agents.sendTurn({ threadId, prompt })
  )
  const end = awaitEvent(
    host,
    `a terminal event of the turn "${prompt}"`,
    (event): event is Extract<ThreadEvent, TerminalEvent> => isTerminal(event) && event.turnId === turnId,
    threadId
  )
  return { turnId, epoch, end }
})

/**
 * The first event of this turn with this tag, stored or to come.
 *
 * @category waiting
 * @since 0.1.0
 */
export const awaitOf = <Tag extends ThreadEvent["_tag"]>(host: Host, turnId: TurnId, tag: Tag, threadId = thread) =>
  awaitEvent(
    host,
    `${tag} in turn ${turnId}`,
    (event): event is Extract<ThreadEvent, { readonly _tag: Tag }> =>
      event._tag === tag && "turnId" in event && event.turnId === turnId,
    threadId
  )

/** The mode in which the agent asks least. */
const freeMode = ({ runtimeModes }: Capabilities): RuntimeMode | undefined =>
  runtimeModes.includes("full-access") ? "full-access" : runtimeModes.find((mode) => mode !== "read-only")

/**
 * Starts the thread in the mode in which the agent asks least.
 *
 * @category driving
 * @since 0.1.0
 */
export const startFreely = (host: Host, options: Parameters<typeof start>[1] = {}) =>
  start(host, { runtimeMode: freeMode(host.bench.capabilities), ...options })

/**
 * Runs one turn to any end, and allows all that is asked for in it.
 *
 * @category driving
 * @since 0.1.0
 */
export const runFreely = Effect.fnUntraced(function*(host: Host, prompt: string) {
  const { agents } = host
  const sent = yield* send(host, prompt)
  const allowing = agents.streamEvents({ threadId: thread }).pipe(
    Stream.filter(is("ApprovalRequested")),
    Stream.filter(({ turnId }) => turnId === sent.turnId),
    Stream.runForEach(({ request: { requestId } }) =>
      Effect.ignore(agents.respondToApproval({ threadId: thread, requestId, decision: { _tag: "AllowOnce" } }))
    ),
    Effect.andThen(Effect.never)
  )
  return { ...sent, ending: yield* Effect.raceFirst(sent.end, allowing) }
})

/**
 * Interrupts the turn, or the running one.
 *
 * @category driving
 * @since 0.1.0
 */
export const interrupt = (host: Host, turnId?: TurnId) =>
  within(host.bench, "interruptTurn to return", host.agents.interruptTurn({ threadId: thread, turnId }))

/**
 * Stops the session.
 *
 * @category driving
 * @since 0.1.0
 */
export const stop = (host: Host) =>
  within(host.bench, "stopSession to return", host.agents.stopSession({ threadId: thread }))

/**
 * All that is stored of the thread.
 *
 * @category getters
 * @since 0.1.0
 */
export const stored = (host: Host, threadId: ThreadId = thread) =>
  Effect.orDie(host.store.readEvents({ threadId, after: 0, limit: 100_000 }))

/**
 * Tags of the terminal events of a turn.
 *
 * @category getters
 * @since 0.1.0
 */
export const endings = (events: ReadonlyArray<ThreadEvent>, turnId: TurnId): ReadonlyArray<string> =>
  events.filter((event) => isTerminal(event) && event.turnId === turnId).map((event) => event._tag)

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
