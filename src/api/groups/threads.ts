/** Threads and their sessions: made, listed, changed, ended. */
import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { Labels } from "../../domain/AppData.ts"
import { TaskId, ThreadId } from "../../domain/Ids.ts"
import { TranscriptTurn } from "../../domain/Transcript.ts"
import * as Commands from "../../service/Commands.ts"
import { service } from "../../service/Operations.ts"
import { ThreadWhere } from "../../store/ThreadWhere.ts"
import * as WireError from "../WireError.ts"

const params = { threadId: ThreadId }

/** The conditions of a list, each a parameter of its own; `labels` is a JSON object. */
export const where = {
  ...ThreadWhere.fields,
  labels: Schema.optional(Schema.fromJsonString(Labels))
}

/** A line of an import: the thread first, then each of its turns. */
const ImportLine = Schema.Union([
  Schema.Struct({ thread: Commands.ImportThread }),
  Schema.Struct({ turn: TranscriptTurn })
])

const maxImportLine = "16 MiB"

export const threads = HttpApiGroup.make("threads").add(
  HttpApiEndpoint.get("listThreads", "/threads", {
    query: { ...where, ...Struct.omit(Commands.ListThreads.fields, ["where"]) },
    success: service.listThreads.success,
    error: WireError.all(service.listThreads.error.members)
  }),
  HttpApiEndpoint.post("createThread", "/threads", {
    payload: service.createThread.payload,
    success: service.createThread.success.pipe(HttpApiSchema.status(201)),
    error: WireError.all(service.createThread.error.members)
  }),
  HttpApiEndpoint.post("importThread", "/import", {
    payload: HttpApiSchema.StreamNdjson({ schema: ImportLine, maxElementBytes: maxImportLine }),
    success: service.importThread.success.pipe(HttpApiSchema.status(201)),
    error: WireError.all(service.importThread.error.members)
  }),
  HttpApiEndpoint.get("getThread", "/threads/:threadId", {
    params,
    success: service.getThread.success,
    error: WireError.all(service.getThread.error.members)
  }),
  HttpApiEndpoint.patch("configureThread", "/threads/:threadId", {
    params,
    payload: Schema.Struct(Struct.omit(service.configureThread.payload.fields, ["threadId"])),
    success: service.configureThread.success,
    error: WireError.all(service.configureThread.error.members)
  }),
  HttpApiEndpoint.delete("deleteThread", "/threads/:threadId", {
    params,
    error: WireError.all(service.deleteThread.error.members)
  }),
  HttpApiEndpoint.post("startSession", "/threads/:threadId/session", {
    params,
    payload: Schema.Struct(Struct.omit(service.startSession.payload.fields, ["threadId"])),
    success: service.startSession.success,
    error: WireError.all(service.startSession.error.members)
  }),
  HttpApiEndpoint.delete("stopSession", "/threads/:threadId/session", {
    params,
    error: WireError.all(service.stopSession.error.members)
  }),
  HttpApiEndpoint.post("adoptSession", "/threads/:threadId/adopt", {
    params,
    payload: Schema.Struct(Struct.omit(service.adoptSession.payload.fields, ["threadId"])),
    success: service.adoptSession.success.pipe(HttpApiSchema.status(201)),
    error: WireError.all(service.adoptSession.error.members)
  }),
  HttpApiEndpoint.post("resetThread", "/threads/:threadId/reset", {
    params,
    success: service.resetThread.success,
    error: WireError.all(service.resetThread.error.members)
  }),
  HttpApiEndpoint.post("refreshSetup", "/threads/:threadId/setup", {
    params,
    success: service.refreshSetup.success,
    error: WireError.all(service.refreshSetup.error.members)
  }),
  HttpApiEndpoint.post("compactThread", "/threads/:threadId/compact", {
    params,
    success: service.compactThread.success,
    error: WireError.all(service.compactThread.error.members)
  }),
  HttpApiEndpoint.post("forkThread", "/threads/:threadId/fork", {
    params,
    payload: Schema.Struct(Struct.omit(service.forkThread.payload.fields, ["threadId"])),
    success: service.forkThread.success.pipe(HttpApiSchema.status(201)),
    error: WireError.all(service.forkThread.error.members)
  }),
  HttpApiEndpoint.post("rewindThread", "/threads/:threadId/rewind", {
    params,
    payload: Schema.Struct(Struct.omit(service.rewindThread.payload.fields, ["threadId"])),
    success: service.rewindThread.success,
    error: WireError.all(service.rewindThread.error.members)
  }),
  HttpApiEndpoint.post("annotate", "/threads/:threadId/annotations", {
    params,
    payload: Schema.Struct(Struct.omit(service.annotate.payload.fields, ["threadId"])),
    success: service.annotate.success.pipe(HttpApiSchema.status(201)),
    error: WireError.all(service.annotate.error.members)
  }),
  HttpApiEndpoint.post("stopTask", "/threads/:threadId/tasks/:taskId/stop", {
    params: { threadId: ThreadId, taskId: TaskId },
    error: WireError.all(service.stopTask.error.members)
  })
)
