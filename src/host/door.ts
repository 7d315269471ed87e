/**
 * The door: the input of every operation is decoded by its Schema before the store or an agent sees it. What does not fit
 * fails with `InputInvalid`, which names each place and what was expected there, and never quotes the input. What does more
 * than read is refused inside a projection (`HookReentrant`).
 */
import { Effect, Predicate, type Schema, Stream } from "effect"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import { decoder } from "../service/decoder.ts"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import * as Operations from "../service/Operations.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"

/** What only reads the store. */
const reading = <A, I, B, E>(
  operation: string,
  payload: Schema.Codec<A, I>,
  run: (input: A) => Effect.Effect<B, E>
) => {
  const decode = decoder(operation, payload)
  return (input: A): Effect.Effect<B, E | InputInvalid> => Effect.flatMap(decode(input), run)
}

const readingStream = <A, I, B, E>(
  operation: string,
  payload: Schema.Codec<A, I>,
  run: (input: A) => Stream.Stream<B, E>
) => {
  const decode = decoder(operation, payload)
  return (input: A): Stream.Stream<B, E | InputInvalid> => Stream.unwrap(Effect.map(decode(input), run))
}

/** What writes to the store, or has an agent do something. */
const effect = <A, I, B, E>(
  operation: string,
  payload: Schema.Codec<A, I>,
  run: (input: A) => Effect.Effect<B, E>
) => reading(operation, payload, (input: A) => Effect.andThen(reentrancy.outsideProjections, run(input)))

const stream = <A, I, B, E>(
  operation: string,
  payload: Schema.Codec<A, I>,
  run: (input: A) => Stream.Stream<B, E>
) =>
  readingStream(
    operation,
    payload,
    (input: A) => Stream.unwrap(Effect.as(reentrancy.outsideProjections, run(input)))
  )

/** Turns are decoded one by one as they come, by the import itself. */
const imported = (run: ProviderService["Service"]["importThread"]): ProviderService["Service"]["importThread"] => {
  const decode = decoder("importThread", Operations.service.importThread.payload)
  return (input) =>
    Effect.flatMap(decode(input), (payload) =>
      Predicate.hasProperty(input, "turns") && Stream.isStream(input.turns)
        ? Effect.andThen(reentrancy.outsideProjections, run({ ...payload, turns: input.turns }))
        : new InputInvalid({ operation: "importThread", issues: [{ path: "turns", reason: "Expected a Stream" }] }))
}

/** The service behind the door. */
export const service = (inner: ProviderService["Service"]): ProviderService["Service"] => {
  const { service } = Operations
  return {
    startSession: effect("startSession", service.startSession.payload, inner.startSession),
    createThread: effect("createThread", service.createThread.payload, inner.createThread),
    importThread: imported(inner.importThread),
    sendTurn: effect("sendTurn", service.sendTurn.payload, inner.sendTurn),
    runTurn: effect("runTurn", service.runTurn.payload, inner.runTurn),
    interruptTurn: effect("interruptTurn", service.interruptTurn.payload, inner.interruptTurn),
    respondToApproval: effect("respondToApproval", service.respondToApproval.payload, inner.respondToApproval),
    answerQuestion: effect("answerQuestion", service.answerQuestion.payload, inner.answerQuestion),
    answerElicitation: effect("answerElicitation", service.answerElicitation.payload, inner.answerElicitation),
    stopTask: effect("stopTask", service.stopTask.payload, inner.stopTask),
    stopSession: effect("stopSession", service.stopSession.payload, inner.stopSession),
    resetThread: effect("resetThread", service.resetThread.payload, inner.resetThread),
    refreshSetup: effect("refreshSetup", service.refreshSetup.payload, inner.refreshSetup),
    compactThread: effect("compactThread", service.compactThread.payload, inner.compactThread),
    forkThread: effect("forkThread", service.forkThread.payload, inner.forkThread),
    configureThread: effect("configureThread", service.configureThread.payload, inner.configureThread),
    annotate: effect("annotate", service.annotate.payload, inner.annotate),
    rewindThread: effect("rewindThread", service.rewindThread.payload, inner.rewindThread),
    listSessions: effect("listSessions", service.listSessions.payload, inner.listSessions),
    adoptSession: effect("adoptSession", service.adoptSession.payload, inner.adoptSession),
    deleteThread: effect("deleteThread", service.deleteThread.payload, inner.deleteThread),
    listThreads: reading("listThreads", service.listThreads.payload, inner.listThreads),
    watchThreads: readingStream("watchThreads", service.watchThreads.payload, inner.watchThreads),
    getThread: reading("getThread", service.getThread.payload, inner.getThread),
    readTranscript: reading("readTranscript", service.readTranscript.payload, inner.readTranscript),
    streamTranscript: readingStream("streamTranscript", service.streamTranscript.payload, inner.streamTranscript),
    readBlob: reading("readBlob", service.readBlob.payload, inner.readBlob),
    listOffers: effect("listOffers", service.listOffers.payload, inner.listOffers),
    watchOffers: stream("watchOffers", service.watchOffers.payload, inner.watchOffers),
    signIn: stream("signIn", service.signIn.payload, inner.signIn),
    ask: effect("ask", service.ask.payload, inner.ask),
    checkAgent: effect("checkAgent", service.checkAgent.payload, inner.checkAgent),
    listAgents: effect("listAgents", service.listAgents.payload, inner.listAgents),
    streamAllEvents: readingStream("streamAllEvents", service.streamAllEvents.payload, inner.streamAllEvents),
    streamEvents: readingStream("streamEvents", service.streamEvents.payload, inner.streamEvents)
  }
}

/** The deliveries behind the door. */
export const hooks = (inner: HookDeliveries["Service"]): HookDeliveries["Service"] => {
  const { hooks } = Operations
  return {
    waiting: reading("waiting", hooks.waiting.payload, inner.waiting),
    givenUp: reading("givenUp", hooks.givenUp.payload, inner.givenUp),
    resend: effect("resend", hooks.resend.payload, inner.resend)
  }
}

/** The archive behind the door. */
export const archive = (inner: TranscriptArchive["Service"]): TranscriptArchive["Service"] => {
  const { archive } = Operations
  return {
    snapshot: effect("snapshot", archive.snapshot.payload, inner.snapshot),
    restore: effect("restore", archive.restore.payload, inner.restore),
    list: reading("list", archive.list.payload, inner.list),
    read: reading("read", archive.read.payload, inner.read),
    verify: reading("verify", archive.verify.payload, inner.verify),
    export: reading("export", archive.export.payload, inner.export),
    purge: effect("purge", archive.purge.payload, inner.purge)
  }
}
