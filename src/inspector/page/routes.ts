/**
 * The operations that the page uses, as paths of the api.
 */
import type { SnapshotInfo, SnapshotRecord } from "../../domain/Snapshot.ts"
import type { SnapshotManifest } from "../../domain/SnapshotManifest.ts"
import type { TranscriptTurn } from "../../domain/TranscriptTurn.ts"
import type { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../../domain/UserRequest.ts"
import type * as Results from "../../service/Results.ts"
import { type Api, withQuery } from "./api.ts"

export type ExportFormat = Results.ExportFile["format"]

const one = (threadId: string): string => `/threads/${encodeURIComponent(threadId)}`
const snapshotOf = (threadId: string, snapshotId: string): string =>
  `${one(threadId)}/snapshots/${encodeURIComponent(snapshotId)}`

export const changesPath = (limit: number): string => withQuery("/changes", { limit })

/** `after`: the `seq` that the reader begins behind. */
export const eventsPath = (threadId: string, after: number): string =>
  withQuery(`${one(threadId)}/events`, { after: after === 0 ? undefined : after })

// `crypto.randomUUID` is only there on https and on the machine itself.
const newId = (): string =>
  `page-${
    Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")
  }`

export const routes = (api: Api) => ({
  threads: (after: string | undefined, limit: number) =>
    api.get<Results.ThreadPage>(withQuery("/threads", { after, limit })),
  /** Threads that wait for an answer. */
  waiting: () => api.get<Results.ThreadPage>(withQuery("/threads", { status: "waiting", limit: 200 })),
  thread: (threadId: string) => api.get<Results.ThreadInfo>(one(threadId)),
  transcript: (threadId: string, after: string | undefined) =>
    api.get<ReadonlyArray<TranscriptTurn>>(withQuery(`${one(threadId)}/transcript`, { after, limit: 200 })),
  blob: (threadId: string, sha256: string) => api.bytes(`${one(threadId)}/blobs/${sha256}`),
  snapshots: (threadId: string) => api.get<ReadonlyArray<SnapshotRecord>>(`${one(threadId)}/snapshots`),
  readSnapshot: (threadId: string, snapshotId: string) =>
    api.get<Results.SavedTranscript>(snapshotOf(threadId, snapshotId)),
  verifySnapshot: (threadId: string, snapshotId: string) =>
    api.get<SnapshotManifest>(`${snapshotOf(threadId, snapshotId)}/verify`),
  exportSnapshot: (threadId: string, snapshotId: string, format: ExportFormat) =>
    api.get<Results.ExportFile>(withQuery(`${snapshotOf(threadId, snapshotId)}/export`, { format })),
  takeSnapshot: (threadId: string) => api.send<SnapshotInfo>("POST", `${one(threadId)}/snapshots`),
  agents: () => api.get<ReadonlyArray<Results.AgentInfo>>("/instances"),
  undelivered: (after: string | undefined) =>
    api.get<Results.WaitingPage>(withQuery("/hooks/waiting", { after, limit: 200 })),
  givenUp: (after: string | undefined) =>
    api.get<Results.DeliveryPage>(withQuery("/hooks/given-up", { after, limit: 200 })),
  resend: (hook: string, eventId: string | undefined) => api.send<number>("POST", "/hooks/resend", { hook, eventId }),
  sendTurn: (threadId: string, prompt: string, steer: boolean) =>
    api.send<Results.TurnAccepted>("POST", `${one(threadId)}/turns`, { prompt, ...(steer ? { steer } : {}) }, {
      "idempotency-key": newId()
    }),
  interrupt: (threadId: string) => api.send<void>("POST", `${one(threadId)}/interrupt`),
  stop: (threadId: string) => api.send<void>("DELETE", `${one(threadId)}/session`),
  compact: (threadId: string) => api.send<Results.CompactResult>("POST", `${one(threadId)}/compact`),
  approve: (threadId: string, requestId: string, decision: ApprovalDecision) =>
    api.send<void>("POST", `${one(threadId)}/approvals/${encodeURIComponent(requestId)}`, { decision }),
  answerQuestion: (threadId: string, requestId: string, answer: QuestionAnswer) =>
    api.send<void>("POST", `${one(threadId)}/questions/${encodeURIComponent(requestId)}`, { answer }),
  answerElicitation: (threadId: string, requestId: string, answer: ElicitationAnswer) =>
    api.send<void>("POST", `${one(threadId)}/elicitations/${encodeURIComponent(requestId)}`, { answer })
})

export type Routes = ReturnType<typeof routes>
