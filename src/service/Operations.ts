/**
 * Every operation of {@link ProviderService}, {@link TranscriptArchive} and {@link HookDeliveries} as data: what it takes,
 * what it answers, and what can go wrong, as Schemas. A server, a client, a command line or a cluster entity is generated from these records.
 *
 * - `payload` and `success` are JSON once they are encoded. Nothing in them is a function or a secret.
 * - `error` is a union, with an HTTP status (`httpApiStatus`) on each member: give an endpoint of `HttpApi` its `members`.
 *   `ServiceError.toPublic` leaves out what is for the operator only.
 * - `stream`: the operation answers a Stream of `success`.
 * - `takes`: the operation is given Streams, too, which are no part of the payload.
 * - `HookReentrant` among the errors: the operation does more than read the store, and is refused inside a projection.
 * - `idempotent`: the same call again changes nothing more. `sendTurn` and `runTurn` are so only with a `turnId`.
 *
 * @since 0.1.0
 */
import { type Effect, Schema, type Stream } from "effect"
import { AgentSessionPage } from "../domain/AgentSession.ts"
import { FeedEvent } from "../domain/FeedEvent.ts"
import { SnapshotInfo, SnapshotRecord, SnapshotRef } from "../domain/Snapshot.ts"
import { SnapshotManifest } from "../domain/SnapshotManifest.ts"
import { ThreadEvent } from "../domain/ThreadEvent.ts"
import { Binding } from "../domain/ThreadRecord.ts"
import { TranscriptTurn } from "../domain/Transcript.ts"
import { AgentCheck } from "../provider/AgentCheck.ts"
import { Offers } from "../provider/Offers.ts"
import { SignInStep } from "../provider/SignIn.ts"
import * as Commands from "./Commands.ts"
import type { HookDeliveries } from "./HookDeliveries.ts"
import * as Errors from "./OperationErrors.ts"
import type { ProviderService } from "./ProviderService.ts"
import * as Results from "./Results.ts"
import type { TranscriptArchive } from "./TranscriptArchive.ts"

/**
 * One operation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operation {
  readonly payload: Schema.Codec<unknown, unknown>
  readonly success: Schema.Codec<unknown, unknown>
  readonly error: Schema.Union<ReadonlyArray<Schema.Codec<unknown, unknown>>>
  readonly stream?: true
  /** Streams that it is given beside its payload, by the names of their fields, with the Schema of their elements. */
  readonly takes?: Readonly<Record<string, Schema.Codec<unknown, unknown>>>
  readonly idempotent: boolean
}

/**
 * The operations of {@link ProviderService}.
 *
 * @category operations
 * @since 0.1.0
 */
export const service = {
  startSession: {
    payload: Commands.StartSession,
    success: Results.SessionInfo,
    error: Errors.StartSessionErrors,
    idempotent: true
  },
  createThread: {
    payload: Commands.CreateThread,
    success: Binding,
    error: Errors.CreateErrors,
    idempotent: false
  },
  importThread: {
    payload: Commands.ImportThread,
    takes: { turns: TranscriptTurn },
    success: Results.ImportedThread,
    error: Errors.ImportErrors,
    idempotent: false
  },
  sendTurn: {
    payload: Commands.SendTurn,
    success: Results.TurnAccepted,
    error: Errors.SendErrors,
    idempotent: false
  },
  runTurn: {
    payload: Commands.SendTurn,
    success: Results.TurnResult,
    error: Errors.RunErrors,
    idempotent: false
  },
  interruptTurn: {
    payload: Commands.InterruptTurn,
    success: Schema.Void,
    error: Errors.InterruptErrors,
    idempotent: true
  },
  respondToApproval: {
    payload: Commands.RespondToApproval,
    success: Results.Responded,
    error: Errors.RespondErrors,
    idempotent: false
  },
  answerQuestion: {
    payload: Commands.AnswerQuestion,
    success: Schema.Void,
    error: Errors.AnswerErrors,
    idempotent: false
  },
  answerElicitation: {
    payload: Commands.AnswerElicitation,
    success: Schema.Void,
    error: Errors.ElicitationErrors,
    idempotent: false
  },
  stopTask: {
    payload: Commands.StopTask,
    success: Schema.Void,
    error: Errors.StopTaskErrors,
    idempotent: false
  },
  stopSession: {
    payload: Commands.OneThread,
    success: Schema.Void,
    error: Errors.StopErrors,
    idempotent: true
  },
  resetThread: {
    payload: Commands.OneThread,
    success: Results.SessionInfo,
    error: Errors.ResetErrors,
    idempotent: false
  },
  refreshSetup: {
    payload: Commands.OneThread,
    success: Results.SetupRefreshed,
    error: Errors.RefreshErrors,
    idempotent: false
  },
  compactThread: {
    payload: Commands.OneThread,
    success: Results.CompactResult,
    error: Errors.CompactErrors,
    idempotent: false
  },
  forkThread: {
    payload: Commands.ForkThread,
    success: Results.SessionInfo,
    error: Errors.ForkErrors,
    idempotent: false
  },
  configureThread: {
    payload: Commands.ConfigureThread,
    success: Results.Configured,
    error: Errors.ConfigureErrors,
    idempotent: true
  },
  annotate: {
    payload: Commands.Annotate,
    success: Results.AnnotationPlace,
    error: Errors.AnnotateErrors,
    idempotent: false
  },
  rewindThread: {
    payload: Commands.RewindThread,
    success: Results.Rewound,
    error: Errors.RewindErrors,
    idempotent: false
  },
  listSessions: {
    payload: Commands.ListSessions,
    success: AgentSessionPage,
    error: Errors.ListSessionsErrors,
    idempotent: true
  },
  adoptSession: {
    payload: Commands.AdoptSession,
    success: Results.SessionInfo,
    error: Errors.AdoptErrors,
    idempotent: false
  },
  deleteThread: {
    payload: Commands.OneThread,
    success: Schema.Void,
    error: Errors.StopErrors,
    idempotent: false
  },
  listThreads: {
    payload: Commands.ListThreads,
    success: Results.ThreadPage,
    error: Errors.ListErrors,
    idempotent: true
  },
  watchThreads: {
    payload: Commands.WatchThreads,
    success: Results.ThreadListChange,
    error: Errors.ListErrors,
    stream: true,
    idempotent: true
  },
  getThread: {
    payload: Commands.OneThread,
    success: Results.ThreadInfo,
    error: Errors.ReadErrors,
    idempotent: true
  },
  readTranscript: {
    payload: Commands.ReadTranscript,
    success: Schema.Array(TranscriptTurn),
    error: Errors.TranscriptErrors,
    idempotent: true
  },
  streamTranscript: {
    payload: Commands.StreamTranscript,
    success: TranscriptTurn,
    error: Errors.TranscriptErrors,
    stream: true,
    idempotent: true
  },
  readBlob: {
    payload: Commands.ReadBlob,
    success: Schema.Uint8ArrayFromBase64,
    error: Errors.BlobErrors,
    idempotent: true
  },
  listOffers: {
    payload: Commands.ListOffers,
    success: Offers,
    error: Errors.OffersErrors,
    idempotent: true
  },
  watchOffers: {
    payload: Commands.WatchOffers,
    success: Offers,
    error: Errors.OffersErrors,
    stream: true,
    idempotent: true
  },
  signIn: {
    payload: Commands.SignIn,
    success: SignInStep,
    error: Errors.SignInErrors,
    stream: true,
    idempotent: false
  },
  ask: {
    payload: Commands.Ask,
    success: Results.Answer,
    error: Errors.AskErrors,
    idempotent: false
  },
  checkAgent: {
    payload: Commands.OneInstance,
    success: AgentCheck,
    error: Errors.CheckErrors,
    idempotent: true
  },
  listAgents: {
    payload: Commands.ListAgents,
    success: Schema.Array(Results.AgentInfo),
    error: Errors.AgentsErrors,
    idempotent: true
  },
  streamAllEvents: {
    payload: Commands.StreamAllEvents,
    success: FeedEvent,
    error: Errors.ListErrors,
    stream: true,
    idempotent: true
  },
  streamEvents: {
    payload: Commands.StreamEvents,
    success: ThreadEvent,
    error: Errors.ReadErrors,
    stream: true,
    idempotent: true
  }
} as const satisfies Record<string, Operation>

/**
 * The operations of {@link TranscriptArchive}.
 *
 * @category operations
 * @since 0.1.0
 */
export const archive = {
  snapshot: {
    payload: Commands.OneThread,
    success: SnapshotInfo,
    error: Errors.SnapshotErrors,
    idempotent: false
  },
  restore: {
    payload: Commands.RestoreThread,
    success: Results.SessionInfo,
    error: Errors.RestoreErrors,
    idempotent: false
  },
  list: {
    payload: Commands.WhichSnapshots,
    success: Schema.Array(SnapshotRecord),
    error: Errors.ListErrors,
    idempotent: true
  },
  read: {
    payload: SnapshotRef,
    success: Results.SavedTranscript,
    error: Errors.FindErrors,
    idempotent: true
  },
  verify: {
    payload: SnapshotRef,
    success: SnapshotManifest,
    error: Errors.FindErrors,
    idempotent: true
  },
  export: {
    payload: Commands.ExportSnapshot,
    success: Results.ExportFile,
    error: Errors.ExportErrors,
    idempotent: true
  },
  purge: {
    payload: Commands.WhichSnapshots,
    success: Schema.Int,
    error: Errors.PurgeErrors,
    idempotent: true
  }
} as const satisfies Record<string, Operation>

/**
 * The operations of {@link HookDeliveries}.
 *
 * @category operations
 * @since 0.1.0
 */
export const hooks = {
  waiting: {
    payload: Commands.WhichDeliveries,
    success: Results.WaitingPage,
    error: Errors.ListErrors,
    idempotent: true
  },
  givenUp: {
    payload: Commands.WhichDeliveries,
    success: Results.DeliveryPage,
    error: Errors.ListErrors,
    idempotent: true
  },
  resend: {
    payload: Commands.ResendDeliveries,
    success: Schema.Int,
    error: Errors.ResendErrors,
    idempotent: true
  }
} as const satisfies Record<string, Operation>

type InputOf<One extends Operation> = One extends
  { readonly takes: infer Takes extends NonNullable<Operation["takes"]> }
  ? One["payload"]["Type"] & { readonly [Name in keyof Takes]: Stream.Stream<Takes[Name]["Type"], unknown> }
  : One["payload"]["Type"]

/**
 * The functions that a record of operations describes.
 *
 * @category models
 * @since 0.1.0
 */
export type Handlers<Operations extends Record<string, Operation>> = {
  readonly [Name in keyof Operations]: Operations[Name] extends { readonly stream: true } ? (
      input: InputOf<Operations[Name]>
    ) => Stream.Stream<Operations[Name]["success"]["Type"], Operations[Name]["error"]["Type"]>
    : (
      input: InputOf<Operations[Name]>
    ) => Effect.Effect<Operations[Name]["success"]["Type"], Operations[Name]["error"]["Type"]>
}

type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false

/**
 * Compiles only while the services and these records say the same.
 *
 * @category operations
 * @since 0.1.0
 */
export const checked: {
  readonly service: Same<ProviderService["Service"], Handlers<typeof service>>
  readonly archive: Same<TranscriptArchive["Service"], Handlers<typeof archive>>
  readonly hooks: Same<HookDeliveries["Service"], Handlers<typeof hooks>>
} = { service: true, archive: true, hooks: true }
