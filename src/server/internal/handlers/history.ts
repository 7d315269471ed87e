/** Events, transcripts and snapshots. */
import { type Duration, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../../../api/Api.ts"
import type { ThreadId } from "../../../domain/Ids.ts"
import { ProviderService } from "../../../service/ProviderService.ts"
import { TranscriptArchive } from "../../../service/TranscriptArchive.ts"
import { SnapshotUnknown } from "../../../transcript/SnapshotError.ts"
import * as Events from "../../Events.ts"
import * as Access from "../access.ts"
import { withWhere } from "./threads.ts"

export const events = (keepAlive: Duration.Input) =>
  HttpApiBuilder.group(
    Api,
    "events",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* ProviderService
      const access = yield* Access.make
      return handlers.handleAll({
        streamEvents: ({ headers, params, query }) =>
          access.on("see")("streamEvents", params, ({ threadId }) =>
            Effect.gen(function*() {
              // Once the answer has begun it can have no other status.
              yield* agents.getThread({ threadId })
              const { after, deltas, ...rest } = query
              const all = agents.streamEvents({ threadId, ...rest, after: headers["last-event-id"] ?? after })
              const wanted = deltas === false ? Events.withoutDeltas(all) : all
              const seen = yield* access.streamed("streamEvents", wanted, (event) => event.threadId)
              return yield* Events.response(seen, { id: ({ seq }) => String(seq), keepAlive })
            })),
        streamAllEvents: ({ headers, query }) =>
          Effect.gen(function*() {
            const all = agents.streamAllEvents({ ...query, after: headers["last-event-id"] ?? query.after })
            const seen = yield* access.streamed(
              "streamAllEvents",
              all,
              (event) => event._tag === "FeedGap" ? undefined : event.threadId
            )
            return yield* Events.response(seen, { id: ({ position }) => position, keepAlive })
          }),
        watchThreads: ({ query }) =>
          Effect.gen(function*() {
            const seen = yield* access.watched("watchThreads", agents.watchThreads(withWhere(query)))
            return yield* Events.response(seen, { keepAlive })
          })
      })
    })
  )

/** What is named by its hash never changes, and is never shown as a page. */
const blobHeaders = { "cache-control": "private, max-age=31536000, immutable", "content-disposition": "attachment" }

export const transcript = HttpApiBuilder.group(
  Api,
  "transcript",
  Effect.fnUntraced(function*(handlers) {
    const agents = yield* ProviderService
    const see = (yield* Access.make).on("see")
    return handlers.handleAll({
      readTranscript: ({ params, query }) => see("readTranscript", { ...params, ...query }, agents.readTranscript),
      streamTranscript: ({ params, query }) =>
        see("streamTranscript", { ...params, ...query }, (input) =>
          // Once the answer has begun it can have no other status.
          Effect.as(agents.readTranscript({ ...input, limit: 1 }), agents.streamTranscript(input))),
      readBlob: ({ params }) =>
        see("readBlob", params, (input) =>
          Effect.map(
            agents.readBlob(input),
            (bytes) =>
              HttpServerResponse.uint8Array(bytes, { contentType: "application/octet-stream", headers: blobHeaders })
          ))
    })
  })
)

export const snapshots = HttpApiBuilder.group(
  Api,
  "snapshots",
  Effect.fnUntraced(function*(handlers) {
    const archive = yield* TranscriptArchive
    const access = yield* Access.make
    const see = access.on("see")
    const send = access.on("send")

    /** Whether it is a snapshot of this thread: what a caller may see is decided by the thread. */
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
      list: ({ params }) => see("list", params, archive.list),
      snapshot: ({ params }) => send("snapshot", params, archive.snapshot),
      purgeAll: ({ params }) => send("purge", params, archive.purge),
      read: ({ params }) => see("read", params, (input) => Effect.flatMap(ofThread(input), archive.read)),
      purge: ({ params }) => send("purge", params, (input) => Effect.flatMap(ofThread(input), archive.purge)),
      verify: ({ params }) => see("verify", params, (input) => Effect.flatMap(ofThread(input), archive.verify)),
      export: ({ params, query }) =>
        see(
          "export",
          params,
          (input) => Effect.flatMap(ofThread(input), (snapshot) => archive.export({ snapshot, ...query }))
        ),
      restore: ({ params, payload }) =>
        see(
          "restore",
          params,
          (input) =>
            send("restore", payload, () =>
              Effect.flatMap(ofThread(input), (snapshot) =>
                archive.restore({ snapshot, ...payload })))
        )
    })
  })
)
