/** An input for each operation of the services: of one thread, or of one of its snapshots. */
import { RequestId, SessionId, TaskId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { InstanceId } from "../../src/index.ts"
import type * as Operations from "../../src/service/Operations.ts"

type Inputs<All extends Record<string, Operations.Operation>> = {
  readonly [Name in keyof All]: All[Name]["payload"]["Type"]
}

const instanceId = InstanceId.make("mock")
const requestId = RequestId.make("request")
const turnId = TurnId.make("turn")

export const inputs = ({ directory, snapshotId, threadId }: {
  readonly threadId: ThreadId
  readonly snapshotId: string
  readonly directory: string
}) => {
  const one = { threadId }
  const snapshot = { snapshotId }
  const service: Inputs<typeof Operations.service> = {
    startSession: one,
    createThread: { ...one, instanceId, directory },
    importThread: { ...one, instanceId, directory },
    sendTurn: { ...one, prompt: "hi" },
    runTurn: { ...one, prompt: "hi" },
    interruptTurn: one,
    respondToApproval: { ...one, requestId, decision: { _tag: "AllowOnce" } },
    answerQuestion: { ...one, requestId, answer: { _tag: "Dismissed" } },
    answerElicitation: { ...one, requestId, answer: { _tag: "Decline" } },
    stopTask: { ...one, taskId: TaskId.make("task") },
    stopSession: one,
    resetThread: one,
    refreshSetup: one,
    compactThread: one,
    forkThread: { ...one, newThreadId: ThreadId.make("copy") },
    configureThread: { ...one, title: "mine" },
    annotate: { ...one, kind: "note", data: {} },
    rewindThread: { ...one, before: turnId },
    listSessions: { instanceId },
    adoptSession: { ...one, instanceId, sessionId: SessionId.make("session"), directory },
    deleteThread: one,
    listThreads: {},
    watchThreads: {},
    getThread: one,
    readTranscript: one,
    streamTranscript: one,
    readBlob: { ...one, sha256: "0".repeat(64) },
    listOffers: { instanceId, directory },
    watchOffers: { instanceId, directory },
    signIn: { instanceId, method: "any" },
    ask: { instanceId, prompt: "hi", about: threadId },
    checkAgent: { instanceId },
    listAgents: {},
    streamAllEvents: {},
    streamEvents: one
  }
  const archive: Inputs<typeof Operations.archive> = {
    snapshot: one,
    restore: { snapshot, threadId: ThreadId.make("restored") },
    list: snapshot,
    read: snapshot,
    verify: snapshot,
    export: { snapshot, format: "jsonl" },
    purge: snapshot
  }
  const hooks: Inputs<typeof Operations.hooks> = { waiting: {}, givenUp: {}, resend: { hook: "any" } }
  return { service, archive, hooks }
}
