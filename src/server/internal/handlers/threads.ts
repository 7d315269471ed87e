/** Threads and their sessions. */
import { Effect, Option, Predicate, Schema, Sink, Stream, Struct } from "effect"
import { HttpApiBuilder, HttpApiError } from "effect/http-api"
import type { Api } from "../../../api/Api.ts"
import { InputInvalid } from "../../../service/ServiceError.ts"
import type { ThreadWhere } from "../../../store/ThreadWhere.ts"
import * as access from "../access.ts"

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

export const threads = (api: typeof Api) =>
  HttpApiBuilder.group(
    api,
    "threads",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* access.agents
      return handlers.handleAll({
        listThreads: ({ query }) => agents.listThreads(withWhere(query)),
        createThread: ({ payload }) => agents.createThread(payload),
        importThread: ({ payload }) =>
          Effect.scoped(Effect.gen(function*() {
            const [first, rest] = yield* Stream.peel(payload, Sink.head())
            if (Option.isNone(first) || !("thread" in first.value)) {
              return yield* notAnImport("Expected the thread in the first line")
            }
            const turns = Stream.mapEffect(
              rest,
              (line) =>
                "turn" in line
                  ? Effect.succeed(line.turn)
                  : notAnImport("Expected a turn in every line after the first")
            )
            return yield* agents.importThread({ ...first.value.thread, turns })
          })).pipe(
            Effect.mapError((error) =>
              error._tag === "ImportSourceFailed" && isOfCaller(error.cause) ? error.cause : error
            )
          ),
        getThread: ({ params }) => agents.getThread(params),
        configureThread: ({ params, payload }) => agents.configureThread({ ...params, ...payload }),
        deleteThread: ({ params }) => agents.deleteThread(params),
        startSession: ({ params, payload }) => agents.startSession({ ...params, ...payload }),
        stopSession: ({ params }) => agents.stopSession(params),
        adoptSession: ({ params, payload }) => agents.adoptSession({ ...params, ...payload }),
        resetThread: ({ params }) => agents.resetThread(params),
        refreshSetup: ({ params }) => agents.refreshSetup(params),
        compactThread: ({ params }) => agents.compactThread(params),
        forkThread: ({ params, payload }) => agents.forkThread({ ...params, ...payload }),
        rewindThread: ({ params, payload }) => agents.rewindThread({ ...params, ...payload }),
        annotate: ({ params, payload }) => agents.annotate({ ...params, ...payload }),
        stopTask: ({ params }) => agents.stopTask(params)
      })
    })
  )
