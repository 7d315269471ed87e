/** Threads and their sessions. */
import { Effect, Option, Predicate, Schema, Sink, Stream, Struct } from "effect"
import { HttpApiBuilder, HttpApiError } from "effect/http-api"
import { Api } from "../../../api/Api.ts"
import { ProviderService } from "../../../service/ProviderService.ts"
import { InputInvalid } from "../../../service/ServiceError.ts"
import type { ThreadWhere } from "../../../store/ThreadWhere.ts"
import * as Access from "../access.ts"

/** The conditions of a list, as a query has them, in their own place. */
export const withWhere = <Query extends ThreadWhere>(query: Query) => ({
  ...Struct.omit(query, ["labels", "status", "directory", "instanceId", "archived"]),
  where: Struct.pick(query, ["labels", "status", "directory", "instanceId", "archived"])
})

const notAnImport = (reason: string) => new InputInvalid({ operation: "importThread", issues: [{ path: "", reason }] })

/** The turns come from the caller here, so what is wrong with them is the caller's to mend. */
const isOfCaller = Predicate.or(
  Predicate.or(HttpApiError.HttpApiSchemaError.is, HttpApiError.HttpApiPayloadTooLarge.is),
  Schema.is(InputInvalid)
)

export const threads = HttpApiBuilder.group(
  Api,
  "threads",
  Effect.fnUntraced(function*(handlers) {
    const agents = yield* ProviderService
    const access = yield* Access.make
    const see = access.on("see")
    const send = access.on("send")
    return handlers.handleAll({
      listThreads: ({ query }) =>
        Effect.flatMap(agents.listThreads(withWhere(query)), (page) => access.paged("listThreads", page)),
      createThread: ({ payload }) => send("createThread", payload, agents.createThread),
      importThread: ({ payload }) =>
        Effect.scoped(Effect.gen(function*() {
          const [first, rest] = yield* Stream.peel(payload, Sink.head())
          if (Option.isNone(first) || !("thread" in first.value)) {
            return yield* notAnImport("Expected the thread in the first line")
          }
          const turns = Stream.mapEffect(rest, (line) =>
            "turn" in line ? Effect.succeed(line.turn) : notAnImport("Expected a turn in every line after the first"))
          return yield* send("importThread", { ...first.value.thread, turns }, agents.importThread)
        })).pipe(Effect.mapError((error) =>
          error._tag === "ImportSourceFailed" && isOfCaller(error.cause) ? error.cause : error
        )),
      getThread: ({ params }) => see("getThread", params, agents.getThread),
      configureThread: ({ params, payload }) =>
        send("configureThread", { ...params, ...payload }, agents.configureThread),
      deleteThread: ({ params }) => send("deleteThread", params, agents.deleteThread),
      startSession: ({ params, payload }) => send("startSession", { ...params, ...payload }, agents.startSession),
      stopSession: ({ params }) => send("stopSession", params, agents.stopSession),
      adoptSession: ({ params, payload }) => {
        const input = { ...params, ...payload }
        return access.operate("adoptSession", input, () => send("adoptSession", input, agents.adoptSession))
      },
      resetThread: ({ params }) => send("resetThread", params, agents.resetThread),
      refreshSetup: ({ params }) => send("refreshSetup", params, agents.refreshSetup),
      compactThread: ({ params }) => send("compactThread", params, agents.compactThread),
      forkThread: ({ params, payload }) => {
        const input = { ...params, ...payload }
        const copy = { ...input, threadId: input.newThreadId }
        return see("forkThread", input, () => send("forkThread", copy, () => agents.forkThread(input)))
      },
      rewindThread: ({ params, payload }) => send("rewindThread", { ...params, ...payload }, agents.rewindThread),
      annotate: ({ params, payload }) => send("annotate", { ...params, ...payload }, agents.annotate),
      stopTask: ({ params }) => send("stopTask", params, agents.stopTask)
    })
  })
)
