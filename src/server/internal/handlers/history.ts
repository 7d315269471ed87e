/** Events, transcripts and snapshots. */
import { type Duration, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { Api } from "../../../api/Api.ts"
import type { ThreadId } from "../../../domain/Ids.ts"
import { SnapshotUnknown } from "../../../transcript/SnapshotError.ts"
import * as Events from "../../Events.ts"
import * as access from "../access.ts"
import { withWhere } from "./threads.ts"

export const events = (api: typeof Api, keepAlive: Duration.Input) =>
  HttpApiBuilder.group(
    api,
    "events",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* access.agents
      const may = yield* access.streams
      return handlers.handleAll({
        streamEvents: ({ headers, params, query }) =>
          Effect.gen(function*() {
            const { after, deltas, ...rest } = query
            const input = { ...params, ...rest, after: headers["last-event-id"] ?? after }
            // Once the answer has begun it can have no other status.
            yield* may.streamEvents(input)
            yield* agents.getThread(params)
            const all = yield* access.ofCaller(agents.streamEvents(input))
            const wanted = deltas === false ? Events.withoutDeltas(all) : all
            return yield* Events.response(wanted, { id: ({ seq }) => String(seq), keepAlive })
          }),
        streamAllEvents: ({ headers, query }) =>
          Effect.gen(function*() {
            const all = agents.streamAllEvents({ ...query, after: headers["last-event-id"] ?? query.after })
            return yield* Events.response(yield* access.ofCaller(all), { id: ({ position }) => position, keepAlive })
          }),
        watchThreads: ({ query }) =>
          Effect.gen(function*() {
            const changes = yield* access.ofCaller(agents.watchThreads(withWhere(query)))
            return yield* Events.response(changes, { keepAlive })
          })
      })
    })
  )

/** What is named by its hash never changes, and is never shown as a page. */
const blobHeaders = { "cache-control": "private, max-age=31536000, immutable", "content-disposition": "attachment" }

export const transcript = (api: typeof Api) =>
  HttpApiBuilder.group(
    api,
    "transcript",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* access.agents
      return handlers.handleAll({
        readTranscript: ({ params, query }) => agents.readTranscript({ ...params, ...query }),
        streamTranscript: ({ params, query }) =>
          Effect.gen(function*() {
            const input = { ...params, ...query }
            // Once the answer has begun it can have no other status.
            yield* agents.readTranscript({ ...input, limit: 1 })
            return yield* access.ofCaller(agents.streamTranscript(input))
          }),
        readBlob: ({ params }) =>
          Effect.map(
            agents.readBlob(params),
            (bytes) =>
              HttpServerResponse.uint8Array(bytes, { contentType: "application/octet-stream", headers: blobHeaders })
          )
      })
    })
  )

export const snapshots = (api: typeof Api) =>
  HttpApiBuilder.group(
    api,
    "snapshots",
    Effect.fnUntraced(function*(handlers) {
      const archive = yield* access.archive

      /** The snapshot, if it is one of this thread. */
      const ofThread = Effect.fnUntraced(
        function*({ snapshotId, threadId }: { readonly threadId: ThreadId; readonly snapshotId: string }) {
          const records = yield* archive.list({ threadId })
          if (!records.some(({ snapshot }) => snapshot.snapshotId === snapshotId)) {
            return yield* new SnapshotUnknown({ snapshot: snapshotId })
          }
          return { snapshotId }
        }
      )

      return handlers.handleAll({
        list: ({ params }) => archive.list(params),
        snapshot: ({ params }) => archive.snapshot(params),
        purgeAll: ({ params }) => archive.purge(params),
        read: ({ params }) => Effect.flatMap(ofThread(params), archive.read),
        purge: ({ params }) => Effect.flatMap(ofThread(params), archive.purge),
        verify: ({ params }) => Effect.flatMap(ofThread(params), archive.verify),
        export: ({ params, query }) =>
          Effect.flatMap(ofThread(params), (snapshot) => archive.export({ snapshot, ...query })),
        restore: ({ params, payload }) =>
          Effect.flatMap(ofThread(params), (snapshot) => archive.restore({ snapshot, ...payload }))
      })
    })
  )
