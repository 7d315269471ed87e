/**
 * What each operation asks of its caller, thread by thread, whether it is called over HTTP or as an RPC.
 */
import { Effect } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import type { SnapshotRef } from "../../domain/Snapshot.ts"
import type { WhichSnapshots } from "../../service/Commands.ts"
import type * as Operations from "../../service/Operations.ts"
import type { TranscriptArchive } from "../../service/TranscriptArchive.ts"
import type { AccessRequest } from "../ThreadAccess.ts"

type Action = AccessRequest["action"]

/** One of the things that the caller must be allowed. */
export type Need =
  | { readonly action: Exclude<Action, "operate">; readonly threadId: ThreadId }
  | { readonly action: "operate"; readonly threadId?: undefined }

/** Of the operations in this record. */
export type Needs<All extends Record<string, Operations.Operation>> = {
  readonly [Name in keyof All]: (
    input: All[Name]["payload"]["Type"]
  ) => ReadonlyArray<Need> | Effect.Effect<ReadonlyArray<Need>, All[Name]["error"]["Type"]>
}

const may = (action: Exclude<Action, "operate">) => ({ threadId }: { readonly threadId: ThreadId }) => [
  { action, threadId }
]

const see = may("see")
const send = may("send")
const answer = may("answer")

const nothing = () => []
const operate = (): ReadonlyArray<Need> => [{ action: "operate" }]

/** What is offered in a directory tells of what is in it. */
const offers = ({ directory }: { readonly directory?: string | undefined }) =>
  directory === undefined ? nothing() : operate()

export const service: Needs<typeof Operations.service> = {
  startSession: send,
  createThread: send,
  importThread: send,
  sendTurn: send,
  runTurn: send,
  interruptTurn: send,
  respondToApproval: (input) => input.configure === undefined ? answer(input) : [...answer(input), ...send(input)],
  answerQuestion: answer,
  answerElicitation: answer,
  stopTask: send,
  stopSession: send,
  resetThread: send,
  refreshSetup: send,
  compactThread: send,
  forkThread: (input) => [...see(input), { action: "send", threadId: input.newThreadId }],
  configureThread: send,
  annotate: send,
  rewindThread: send,
  listSessions: operate,
  adoptSession: (input) => [...operate(), ...send(input)],
  deleteThread: send,
  // Their answers leave out what the caller may not see.
  listThreads: nothing,
  watchThreads: nothing,
  streamAllEvents: nothing,
  getThread: see,
  readTranscript: see,
  streamTranscript: see,
  readBlob: see,
  listOffers: offers,
  watchOffers: offers,
  signIn: operate,
  ask: ({ about }) => about === undefined ? operate() : [...operate(), ...see({ threadId: about })],
  checkAgent: nothing,
  listAgents: nothing,
  streamEvents: see
}

export const hooks: Needs<typeof Operations.hooks> = { waiting: operate, givenUp: operate, resend: operate }

/** Of snapshots, which are their thread's; one that is named by a path is a file of the host. */
export const archive = ({ list }: TranscriptArchive["Service"]): Needs<typeof Operations.archive> => {
  const of = (needs: typeof see) => (ref: SnapshotRef) =>
    "path" in ref ? operate() : Effect.map(list(ref), (records) => records.flatMap(needs))
  const which = (needs: typeof see) => (input: WhichSnapshots) => "threadId" in input ? needs(input) : of(needs)(input)
  return {
    snapshot: send,
    restore: (input) => {
      const needs = of(see)(input.snapshot)
      return Effect.isEffect(needs)
        ? Effect.map(needs, (found) => [...found, ...send(input)])
        : [...needs, ...send(input)]
    },
    list: which(see),
    read: of(see),
    verify: of(see),
    export: ({ snapshot }) => of(see)(snapshot),
    purge: which(send)
  }
}
