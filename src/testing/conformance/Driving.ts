/**
 * Threads of a host, driven through the service, and what is told and stored of them.
 *
 * @since 0.1.0
 */
import { Effect, Stream } from "effect"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import { isTerminal, type TerminalEvent, type ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import { type Host, thread, within } from "./Host.ts"

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

/** Gives an agent that asks what it asks for. */
const grant = ({ agents }: Host, event: ThreadEvent) => {
  switch (event._tag) {
    case "ApprovalRequested": {
      const { requestId } = event.request
      return Effect.ignore(
        agents.respondToApproval({ threadId: thread, requestId, decision: { _tag: "AllowOnce" } })
      )
    }
    case "QuestionAsked": {
      const { questions, requestId } = event.request
      const answers = questions.map(({ options }) => [options[0]?.label ?? "yes"])
      return Effect.ignore(
        agents.answerQuestion({ threadId: thread, requestId, answer: { _tag: "Answered", answers } })
      )
    }
    default:
      return Effect.void
  }
}

/** As {@link grant}; a form is not filled in. */
const grantOrDecline = (host: Host, event: ThreadEvent) =>
  event._tag === "ElicitationRequested"
    ? Effect.ignore(
      host.agents.answerElicitation({
        threadId: thread,
        requestId: event.request.requestId,
        answer: { _tag: "Decline" }
      })
    )
    : grant(host, event)

/**
 * Waits; meanwhile all that is asked for in the turn is allowed, and each question answered with its first option.
 *
 * @category waiting
 * @since 0.1.0
 */
export const allowing = <A, E, R>(host: Host, turnId: TurnId, wait: Effect.Effect<A, E, R>, give = grant) =>
  host.agents.streamEvents({ threadId: thread }).pipe(
    Stream.filter((event) => "turnId" in event && event.turnId === turnId),
    Stream.runForEach((event) => give(host, event)),
    Effect.andThen(Effect.never),
    Effect.raceFirst(wait)
  )

/**
 * Runs one turn to any end, allows all that is asked for in it, and answers each question with its first option.
 *
 * @category driving
 * @since 0.1.0
 */
export const runFreely = Effect.fnUntraced(function*(host: Host, prompt: string) {
  const sent = yield* send(host, prompt)
  return { ...sent, ending: yield* allowing(host, sent.turnId, sent.end, grantOrDecline) }
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
 * Whether the file that a rule had made in `home` is there. `name` is what `bench.file` was given.
 *
 * @category getters
 * @since 0.1.0
 */
export const isThere = ({ bench }: Host, name: string) =>
  bench.exists(bench.path.join(bench.directories.home, bench.file(name)))

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
