/**
 * The services of this process for one caller after another: each operation asks the app's `ThreadAccess` first, and lists
 * and streams leave out what the caller may not see.
 */
import { Array as Arr, Effect, Stream } from "effect"
import { Caller } from "../../api/Middleware.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import { AccessDenied } from "../../service/AccessDenied.ts"
import type * as Commands from "../../service/Commands.ts"
import { HookDeliveries } from "../../service/HookDeliveries.ts"
import * as Operations from "../../service/Operations.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import type { ThreadListChange, ThreadPage } from "../../service/Results.ts"
import { TranscriptArchive } from "../../service/TranscriptArchive.ts"
import { type AccessRequest, type Decide, ThreadAccess } from "../ThreadAccess.ts"
import * as accessNeeds from "./accessNeeds.ts"

/** The operations of a service, for a {@link Caller}. */
export type Guarded<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends (input: infer Input) => Effect.Effect<infer A, infer E> ?
    (input: Input) => Effect.Effect<A, E, Caller>
    : Service[Name] extends (input: infer Input) => Stream.Stream<infer A, infer E>
      ? (input: Input) => Stream.Stream<A, E, Caller>
    : never
}

export type Agents = Guarded<ProviderService["Service"]>
export type Archive = Guarded<TranscriptArchive["Service"]>
export type Deliveries = Guarded<HookDeliveries["Service"]>

type Asking<Input, E> = (
  input: Input
) => ReadonlyArray<accessNeeds.Need> | Effect.Effect<ReadonlyArray<accessNeeds.Need>, E>

type Handler = (input: unknown) => Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

/** Threads that are looked up at a time. */
const concurrency = 16

/** A thread that the caller has not named is not named to it. */
const isNamed = (input: unknown, threadId: ThreadId | undefined): threadId is ThreadId =>
  threadId !== undefined && typeof input === "object" && input !== null && Object.values(input).includes(threadId)

/** Without a caller nothing is done, whether the app decides or not. */
const check = Effect.fnUntraced(function*<Input, E>(
  decide: Decide | undefined,
  needs: Asking<Input, E>,
  operation: string,
  input: Input
) {
  const caller = yield* Caller
  if (decide === undefined) return
  const asked = needs(input)
  for (const need of Effect.isEffect(asked) ? yield* asked : asked) {
    const { threadId } = need
    const request: AccessRequest = { ...need, caller, operation, input }
    if (yield* decide(request)) continue
    return yield* new AccessDenied({ operation, ...(isNamed(input, threadId) ? { threadId } : {}) })
  }
})

function guard<All extends Record<string, Operations.Operation>>(
  decide: Decide | undefined,
  operations: All,
  needs: accessNeeds.Needs<NoInfer<All>>,
  service: Operations.Handlers<NoInfer<All>>
): Guarded<Operations.Handlers<All>>
function guard(
  decide: Decide | undefined,
  operations: Record<string, Operations.Operation>,
  needs: Readonly<Record<string, Asking<unknown, unknown>>>,
  service: Readonly<Record<string, Handler>>
): object {
  return Object.fromEntries(
    Object.entries(operations).flatMap(([name, { stream }]) => {
      const [run, asking] = [service[name], needs[name]]
      if (run === undefined || asking === undefined) return []
      const answer = (input: unknown) => Effect.map(check(decide, asking, name, input), () => run(input))
      return [[
        name,
        stream === true
          ? (input: unknown) =>
            Stream.unwrap(Effect.map(answer(input), (found) => Effect.isEffect(found) ? Stream.empty : found))
          : (input: unknown) => Effect.flatMap(answer(input), (found) => Effect.isEffect(found) ? found : Effect.void)
      ]]
    })
  )
}

/** Lists and streams, without what the caller may not see. */
const visible = (decide: Decide, agents: Agents) => {
  /** Of elements that are of a thread or of none, those that the caller may see. */
  const seen = Effect.fnUntraced(function*<A>(
    operation: string,
    elements: ReadonlyArray<A>,
    threadOf: (element: A) => ThreadId | undefined
  ) {
    const caller = yield* Caller
    const threads = new Set(elements.map(threadOf).filter((threadId) => threadId !== undefined))
    const allowed = yield* Effect.filter(
      threads,
      (threadId) => decide({ caller, operation, action: "see", threadId, input: { threadId } }),
      { concurrency }
    )
    return elements.filter((element) => {
      const threadId = threadOf(element)
      return threadId === undefined || allowed.includes(threadId)
    })
  })

  /** Rows that cannot be read are for those who see all. */
  const ofPage = (operation: string, page: ThreadPage) =>
    Effect.map(
      seen(operation, page.threads, ({ threadId }) => threadId),
      (threads): ThreadPage => ({ ...page, threads, unreadable: [] })
    )

  const ofChange = (change: ThreadListChange): Effect.Effect<ReadonlyArray<ThreadListChange>, never, Caller> =>
    change._tag === "Page"
      ? Effect.map(ofPage("watchThreads", change.page), (page) => [{ ...change, page }])
      : seen("watchThreads", [change], () => change._tag === "Changed" ? change.thread.threadId : change.threadId)

  const streamed = <A, E, R>(
    operation: string,
    stream: Stream.Stream<A, E, R>,
    threadOf: (element: A) => ThreadId | undefined
  ) =>
    stream.pipe(
      Stream.mapArrayEffect((batch) => Effect.map(seen(operation, batch, threadOf), Arr.of)),
      Stream.flattenIterable
    )

  return {
    ...agents,
    listThreads: (input) => Effect.flatMap(agents.listThreads(input), (page) => ofPage("listThreads", page)),
    watchThreads: (input) => agents.watchThreads(input).pipe(Stream.mapEffect(ofChange), Stream.flattenIterable),
    streamEvents: (input) => streamed("streamEvents", agents.streamEvents(input), (event) => event.threadId),
    streamAllEvents: (input) =>
      streamed(
        "streamAllEvents",
        agents.streamAllEvents(input),
        (event) => event._tag === "FeedGap" ? undefined : event.threadId
      )
  } satisfies Agents
}

/** Fail where the caller may not have a stream: once an answer has begun it can have no other status. */
export const streams = Effect.map(ThreadAccess, (decide) => {
  const { signIn, streamEvents } = accessNeeds.service
  return {
    signIn: (input: Commands.SignIn) => check(decide, signIn, "signIn", input),
    streamEvents: (input: Commands.StreamEvents) => check(decide, streamEvents, "streamEvents", input)
  }
})

/** The stream for the caller of the current request, also once the request was answered. */
export const ofCaller = <A, E>(
  stream: Stream.Stream<A, E, Caller>
): Effect.Effect<Stream.Stream<A, E>, never, Caller> =>
  Effect.map(Caller, (caller) => Stream.provideService(stream, Caller, caller))

export const agents: Effect.Effect<Agents, never, ProviderService> = Effect.gen(function*() {
  const decide = yield* ThreadAccess
  const guarded = guard(decide, Operations.service, accessNeeds.service, yield* ProviderService)
  return decide === undefined ? guarded : visible(decide, guarded)
})

export const archive: Effect.Effect<Archive, never, TranscriptArchive> = Effect.gen(function*() {
  const inner = yield* TranscriptArchive
  return guard(yield* ThreadAccess, Operations.archive, accessNeeds.archive(inner), inner)
})

export const deliveries: Effect.Effect<Deliveries, never, HookDeliveries> = Effect.gen(function*() {
  return guard(yield* ThreadAccess, Operations.hooks, accessNeeds.hooks, yield* HookDeliveries)
})
