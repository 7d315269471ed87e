/** Asks the app's `ThreadAccess` for one caller after another. */
import { Array as Arr, Effect, Stream } from "effect"
import { AccessDenied } from "../../api/ApiError.ts"
import { Caller } from "../../api/Middleware.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type { ThreadListChange, ThreadPage } from "../../service/Results.ts"
import { type AccessRequest, ThreadAccess } from "../ThreadAccess.ts"

type Action = AccessRequest["action"]

type OfThread = { readonly threadId: ThreadId }

/** Threads that are looked up at a time. */
const concurrency = 16

export const make = Effect.map(ThreadAccess, (decide) => {
  const check = (request: (caller: Caller["Service"]) => AccessRequest): Effect.Effect<void, AccessDenied, Caller> => {
    if (decide === undefined) return Effect.void
    return Effect.gen(function*() {
      const asked = request(yield* Caller)
      if (yield* decide(asked)) return
      const { operation, threadId } = asked
      return yield* new AccessDenied({ operation, ...(threadId === undefined ? {} : { threadId }) })
    })
  }

  /** Of elements that are of a thread or of none, those that the caller may see. */
  const seen = <A>(
    caller: Caller["Service"],
    operation: string,
    elements: ReadonlyArray<A>,
    threadOf: (element: A) => ThreadId | undefined
  ): Effect.Effect<ReadonlyArray<A>> => {
    if (decide === undefined) return Effect.succeed(elements)
    const threads = new Set(elements.map(threadOf).filter((threadId) => threadId !== undefined))
    return Effect.map(
      Effect.filter(
        threads,
        (threadId) => decide({ caller, operation, action: "see", threadId, input: { threadId } }),
        { concurrency }
      ),
      (allowed) =>
        elements.filter((element) => {
          const threadId = threadOf(element)
          return threadId === undefined || allowed.includes(threadId)
        })
    )
  }

  /** Rows that cannot be read are for those who see all. */
  const pageFor = (caller: Caller["Service"], operation: string, page: ThreadPage): Effect.Effect<ThreadPage> =>
    Effect.map(
      seen(caller, operation, page.threads, ({ threadId }) => threadId),
      (threads) => ({ ...page, threads, unreadable: [] })
    )

  return {
    /** Runs an operation on a thread, if the caller may. */
    on: (action: Exclude<Action, "operate">) =>
    <Input extends OfThread, A, E, R>(
      operation: string,
      input: Input,
      run: (input: Input) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | AccessDenied, R | Caller> =>
      Effect.andThen(
        check((caller) => ({ caller, operation, action, threadId: input.threadId, input })),
        () => run(input)
      ),

    /** Runs an operation of no thread, if the caller may. */
    operate: <Input, A, E, R>(
      operation: string,
      input: Input,
      run: (input: Input) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | AccessDenied, R | Caller> =>
      Effect.andThen(check((caller) => ({ caller, operation, action: "operate", input })), () => run(input)),

    /** What the caller may see of a page of threads. */
    paged: (operation: string, page: ThreadPage): Effect.Effect<ThreadPage, never, Caller> =>
      decide === undefined
        ? Effect.succeed(page)
        : Effect.flatMap(Caller, (caller) => pageFor(caller, operation, page)),

    /** What the caller may see of the first page and of what changes after it. */
    watched: <E>(
      operation: string,
      changes: Stream.Stream<ThreadListChange, E>
    ): Effect.Effect<Stream.Stream<ThreadListChange, E>, never, Caller> =>
      decide === undefined ? Effect.succeed(changes) : Effect.map(Caller, (caller) => {
        const visible = (change: ThreadListChange): Effect.Effect<ReadonlyArray<ThreadListChange>> =>
          change._tag === "Page"
            ? Effect.map(pageFor(caller, operation, change.page), (page) => [{ ...change, page }])
            : seen(
              caller,
              operation,
              [change],
              () => change._tag === "Changed" ? change.thread.threadId : change.threadId
            )
        return changes.pipe(Stream.mapEffect(visible), Stream.flattenIterable)
      }),

    /** What the caller may see of a stream. */
    streamed: <A, E>(
      operation: string,
      stream: Stream.Stream<A, E>,
      threadOf: (element: A) => ThreadId | undefined
    ): Effect.Effect<Stream.Stream<A, E>, never, Caller> =>
      decide === undefined ? Effect.succeed(stream) : Effect.map(Caller, (caller) =>
        stream.pipe(
          Stream.mapArrayEffect((batch) => Effect.map(seen(caller, operation, batch, threadOf), Arr.of)),
          Stream.flattenIterable
        ))
  }
})
