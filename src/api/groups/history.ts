/** What happens and what has been: events as they come, transcripts, bytes, and snapshots. */
import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { ThreadId } from "../../domain/Ids.ts"
import { archive, service } from "../../service/Operations.ts"
import { SnapshotUnknown } from "../../transcript/SnapshotError.ts"
import * as Sse from "../Sse.ts"
import * as WireError from "../WireError.ts"
import { where } from "./threads.ts"

const params = { threadId: ThreadId }

/** What an `EventSource` sends when it comes back. It goes before `after`. */
const lastEventId = <Place extends Schema.Top>(place: Place) => ({ "last-event-id": place })

export const events = HttpApiGroup.make("events").add(
  HttpApiEndpoint.get("streamEvents", "/threads/:threadId/events", {
    params,
    headers: lastEventId(service.streamEvents.payload.fields.after),
    query: {
      ...Struct.omit(service.streamEvents.payload.fields, ["threadId"]),
      /** Whether what is not stored comes too. Default: yes. */
      deltas: Schema.optional(Schema.Boolean)
    },
    success: HttpApiSchema.StreamSse({ events: Sse.frame(service.streamEvents.success) }),
    error: WireError.all(service.streamEvents.error.members)
  }),
  HttpApiEndpoint.get("streamAllEvents", "/events", {
    headers: lastEventId(service.streamAllEvents.payload.fields.after),
    query: service.streamAllEvents.payload.fields,
    success: HttpApiSchema.StreamSse({ events: Sse.frame(service.streamAllEvents.success) }),
    error: WireError.all(service.streamAllEvents.error.members)
  }),
  HttpApiEndpoint.get("watchThreads", "/changes", {
    query: { ...where, ...Struct.omit(service.watchThreads.payload.fields, ["where"]) },
    success: HttpApiSchema.StreamSse({ events: Sse.frame(service.watchThreads.success) }),
    error: WireError.all(service.watchThreads.error.members)
  })
)

export const transcript = HttpApiGroup.make("transcript").add(
  HttpApiEndpoint.get("readTranscript", "/threads/:threadId/transcript", {
    params,
    query: Struct.omit(service.readTranscript.payload.fields, ["threadId"]),
    success: service.readTranscript.success,
    error: WireError.all(service.readTranscript.error.members)
  }),
  HttpApiEndpoint.get("streamTranscript", "/threads/:threadId/transcript/stream", {
    params,
    query: Struct.omit(service.streamTranscript.payload.fields, ["threadId"]),
    success: HttpApiSchema.StreamNdjson({ schema: service.streamTranscript.success }),
    error: WireError.all(service.streamTranscript.error.members)
  }),
  HttpApiEndpoint.get("readBlob", "/threads/:threadId/blobs/:sha256", {
    params: service.readBlob.payload.fields,
    success: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array()),
    error: WireError.all(service.readBlob.error.members)
  })
)

const snapshot = { threadId: ThreadId, snapshotId: Schema.String.check(Schema.isNonEmpty()) }

export const snapshots = HttpApiGroup.make("snapshots").add(
  HttpApiEndpoint.get("list", "/threads/:threadId/snapshots", {
    params,
    success: archive.list.success,
    error: WireError.all(archive.list.error.members)
  }),
  HttpApiEndpoint.post("snapshot", "/threads/:threadId/snapshots", {
    params,
    success: archive.snapshot.success.pipe(HttpApiSchema.status(201)),
    error: WireError.all(archive.snapshot.error.members)
  }),
  HttpApiEndpoint.delete("purgeAll", "/threads/:threadId/snapshots", {
    params,
    success: archive.purge.success,
    error: WireError.all(archive.purge.error.members)
  }),
  HttpApiEndpoint.get("read", "/threads/:threadId/snapshots/:snapshotId", {
    params: snapshot,
    success: archive.read.success,
    error: WireError.all(archive.read.error.members)
  }),
  HttpApiEndpoint.delete("purge", "/threads/:threadId/snapshots/:snapshotId", {
    params: snapshot,
    success: archive.purge.success,
    error: WireError.all([...archive.purge.error.members, SnapshotUnknown])
  }),
  HttpApiEndpoint.get("verify", "/threads/:threadId/snapshots/:snapshotId/verify", {
    params: snapshot,
    success: archive.verify.success,
    error: WireError.all(archive.verify.error.members)
  }),
  HttpApiEndpoint.get("export", "/threads/:threadId/snapshots/:snapshotId/export", {
    params: snapshot,
    query: Struct.omit(archive.export.payload.fields, ["snapshot"]),
    success: archive.export.success,
    error: WireError.all(archive.export.error.members)
  }),
  HttpApiEndpoint.post("restore", "/threads/:threadId/snapshots/:snapshotId/restore", {
    params: snapshot,
    payload: Schema.Struct(Struct.omit(archive.restore.payload.fields, ["snapshot"])),
    success: archive.restore.success.pipe(HttpApiSchema.status(201)),
    error: WireError.all(archive.restore.error.members)
  })
)
