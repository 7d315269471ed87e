/**
 * The app's side of everything: durable threads on any coding agent.
 *
 * - A **thread** is the app's conversation. It outlives sessions: `sendTurn` starts, resumes or rehydrates whatever it
 *   needs and says which in `continuity`.
 * - `sendTurn` returns once the provider has accepted the turn, `runTurn` once the turn is over.
 * - Every accepted turn ends in exactly one terminal event, every approval and question is settled, on every path.
 * - Idle sessions are stopped by the reaper; the conversation stays.
 *
 * This module is the contract alone. `CodingAgents.layer` gives the service in the process of the app.
 *
 * Every operation takes one object, which is decoded before anything is stored or sent (`InputInvalid`). What operations
 * take, answer and fail with is also data: `Operations`.
 *
 * @since 0.1.0
 */
import { Context, type Effect, type Stream } from "effect"
import type { AgentSessionPage } from "../domain/AgentSession.ts"
import type { FeedEvent } from "../domain/FeedEvent.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import type { AgentCheck } from "../provider/AgentCheck.ts"
import type { Offers } from "../provider/Offers.ts"
import type { SignInStep } from "../provider/SignIn.ts"
import type * as Commands from "./Commands.ts"
import type * as Errors from "./OperationErrors.ts"
import type * as Results from "./Results.ts"

/**
 * Durable threads on any coding agent: the app's side.
 *
 * @category services
 * @since 0.1.0
 */
export class ProviderService extends Context.Service<ProviderService, {
  /**
   * Makes the thread live: creates it, resumes it, moves it, or swaps its agent. Changes nothing if it is live as asked.
   * A new thread needs `instanceId` and `directory` (`StartIncomplete`).
   */
  readonly startSession: (input: Commands.StartSession) => Effect.Effect<Results.SessionInfo, Errors.StartSessionErrors>
  /**
   * Makes a thread without starting an agent: epoch 0, stopped, without a session. Its first start is `Created`, on
   * whichever instance. Fails with `ThreadExists` if the thread is there.
   */
  readonly createThread: (input: Commands.CreateThread) => Effect.Effect<Binding, Errors.CreateErrors>
  /**
   * Makes a thread of turns that another program has kept, page by page, without starting an agent. Its first start is
   * `Resumed` if `sessionId` is a session that the agent has, else `Rehydrated`. What fails, or is killed, leaves no thread.
   */
  readonly importThread: (
    input: Commands.ImportThread & { readonly turns: Stream.Stream<TranscriptTurn, unknown> }
  ) => Effect.Effect<Results.ImportedThread, Errors.ImportErrors>
  /**
   * Succeeds once the provider has the turn. Starts or resumes the session if need be. Interrupting this effect before the
   * turn was sent gives it up; afterwards the turn runs on.
   */
  readonly sendTurn: (input: Commands.SendTurn) => Effect.Effect<Results.TurnAccepted, Errors.SendErrors>
  /** Sends and waits for the end. Interrupting this effect interrupts the turn. */
  readonly runTurn: (input: Commands.SendTurn) => Effect.Effect<Results.TurnResult, Errors.RunErrors>
  /** Succeeds once the turn is over, also when it was over before. Without `turnId`: the turn that runs, if one does. */
  readonly interruptTurn: (input: Commands.InterruptTurn) => Effect.Effect<void, Errors.InterruptErrors>
  readonly respondToApproval: (
    input: Commands.RespondToApproval
  ) => Effect.Effect<Results.Responded, Errors.RespondErrors>
  readonly answerQuestion: (input: Commands.AnswerQuestion) => Effect.Effect<void, Errors.AnswerErrors>
  /** Answers an MCP server's request. What the user filled in reaches the server and is not stored. */
  readonly answerElicitation: (input: Commands.AnswerElicitation) => Effect.Effect<void, Errors.ElicitationErrors>
  /** Asks the agent to end work that it does in the background; `TaskEnded` follows. */
  readonly stopTask: (input: Commands.StopTask) => Effect.Effect<void, Errors.StopTaskErrors>
  /** Ends the session; the thread stays. Cuts a start that is under way. Stopping a stopped thread succeeds. */
  readonly stopSession: (input: Commands.OneThread) => Effect.Effect<void, Errors.StopErrors>
  /**
   * Begins the conversation anew in a new session of the same agent; the archive stays. A running turn is interrupted.
   * Hooks see `session:end`, `session:reset` and `session:start`, in this order, and may still read the old session.
   */
  readonly resetThread: (input: Commands.OneThread) => Effect.Effect<Results.SessionInfo, Errors.ResetErrors>
  /**
   * Asks the setup hooks again (`LifecycleHooks.setup`): after a token was renewed, a server was added. A session that is
   * live is started again, `Resumed`, where the answer is another one than it was started with. No turn may be running.
   */
  readonly refreshSetup: (input: Commands.OneThread) => Effect.Effect<Results.SetupRefreshed, Errors.RefreshErrors>
  /**
   * Has the agent replace its context by a summary, once the transcript is saved and the guards agree; answers when it is
   * over. No turn may be running.
   */
  readonly compactThread: (input: Commands.OneThread) => Effect.Effect<Results.CompactResult, Errors.CompactErrors>
  /**
   * Copies the conversation into a new thread, on the same provider instance: all of it, or up to and including the turn
   * `at`. No turn may be running. Fails with `TurnNotFound` if the conversation has no such turn, and with
   * `TurnNotInSession` if the agent cannot find it in the session that the thread has now.
   */
  readonly forkThread: (input: Commands.ForkThread) => Effect.Effect<Results.SessionInfo, Errors.ForkErrors>
  /**
   * Changes a thread, also while a turn runs, and says from when on all of it holds. What is left out stays. A change of mode
   * never grants trust (P17). Labels and `archived` can be changed from inside of the thread's own hooks.
   */
  readonly configureThread: (
    input: Commands.ConfigureThread
  ) => Effect.Effect<Results.Configured, Errors.ConfigureErrors>
  /**
   * Records a line of the app's own in the log of the thread: a durable event in order with the rest, told to hooks, and
   * part of the transcript. No agent sees it. Fails with `TurnNotFound` if the thread has no such turn.
   */
  readonly annotate: (input: Commands.Annotate) => Effect.Effect<Results.AnnotationPlace, Errors.AnnotateErrors>
  /**
   * Takes the conversation back to before a turn: the agent's model has neither it nor those after it any more. They stay
   * in the log and the transcript, marked `rewound`. What happens to files is the agent's (`rewind` of its capabilities)
   * and answered as `files`. No turn may be running.
   */
  readonly rewindThread: (input: Commands.RewindThread) => Effect.Effect<Results.Rewound, Errors.RewindErrors>
  /**
   * The agent's own sessions that no thread has, newest first, page by page; a page may be short. Fails with
   * `CapabilityMissing` where the agent has no such list.
   */
  readonly listSessions: (input: Commands.ListSessions) => Effect.Effect<AgentSessionPage, Errors.ListSessionsErrors>
  /**
   * Makes a new thread of a session that the agent has. The model has its whole past; the thread's transcript begins here.
   * Fails with `SessionMissing` if the agent has no such session, and with `SessionTaken` if a thread has it already.
   */
  readonly adoptSession: (input: Commands.AdoptSession) => Effect.Effect<Results.SessionInfo, Errors.AdoptErrors>
  /** Stops the session and deletes all that is stored of the thread. The provider's own session is left alone. */
  readonly deleteThread: (input: Commands.OneThread) => Effect.Effect<void, Errors.StopErrors>
  /** Newest activity first, page by page. */
  readonly listThreads: (input: Commands.ListThreads) => Effect.Effect<Results.ThreadPage, Errors.ListErrors>
  /**
   * The page that `listThreads` answers now, then every change of a thread that fits, until the service shuts down. A slow
   * reader is told of the last state of a thread, and of no state twice.
   */
  readonly watchThreads: (input: Commands.WatchThreads) => Stream.Stream<Results.ThreadListChange, Errors.ListErrors>
  readonly getThread: (input: Commands.OneThread) => Effect.Effect<Results.ThreadInfo, Errors.ReadErrors>
  /**
   * One page of the archive, at most `limit` turns (default 100): from the start on, oldest turn first, or after the turn
   * `after`; from the end back, newest turn first (`from: "end"`), or before the turn `before`. A page that is not full is
   * the last one. A fork has the turns that it was made with as its own.
   */
  readonly readTranscript: (
    input: Commands.ReadTranscript
  ) => Effect.Effect<ReadonlyArray<TranscriptTurn>, Errors.TranscriptErrors>
  /** The archive from the turn `after` on, to its end; of a thread of any length, a page of it is in memory. */
  readonly streamTranscript: (
    input: Commands.StreamTranscript
  ) => Stream.Stream<TranscriptTurn, Errors.TranscriptErrors>
  /**
   * The bytes that an event of the thread names: a pasted image, or one that a tool gave back. Fails with `BlobNotFound` if
   * none does (any more), whichever other thread has them.
   */
  readonly readBlob: (input: Commands.ReadBlob) => Effect.Effect<Uint8Array, Errors.BlobErrors>
  /**
   * What the agent offers, as a picker shows it: models, personas, modes, commands, skills. May start the agent, in the
   * directory too; an answer of the last five minutes is given again.
   */
  readonly listOffers: (input: Commands.ListOffers) => Effect.Effect<Offers, Errors.OffersErrors>
  /** What the agent offers now, and again whenever it has changed: by a sign-in, in a live session, by a `refresh`. */
  readonly watchOffers: (input: Commands.WatchOffers) => Stream.Stream<Offers, Errors.OffersErrors>
  /**
   * Signs in to the agent by one of the methods that `checkAgent` lists: the pages that the user has to open, and
   * `SignedIn` at the end. The agent is told to give up when the Stream is no longer read.
   */
  readonly signIn: (input: Commands.SignIn) => Stream.Stream<SignInStep, Errors.SignInErrors>
  /**
   * Asks an agent something that belongs to no thread: a title, a commit message, a summary. There is no ledger and no hook,
   * and nothing of it stays in the agent's list of sessions where the agent can be told so (`ephemeral`).
   */
  readonly ask: (input: Commands.Ask) => Effect.Effect<Results.Answer, Errors.AskErrors>
  /** Whether the agent is installed, tested and logged in, and the command that mends what is missing. */
  readonly checkAgent: (input: Commands.OneInstance) => Effect.Effect<AgentCheck, Errors.CheckErrors>
  /** All agents of the app, in the order of their Layers, each with its check. */
  readonly listAgents: (
    input: Commands.ListAgents
  ) => Effect.Effect<ReadonlyArray<Results.AgentInfo>, Errors.AgentsErrors>
  /**
   * Stored events after `after` (default 0: from the start), then live ones, in order and without a hole. With `coalesce`,
   * deltas of one item come together, for readers that are slow or draw now and then. Ends with `ThreadDeleted` when the
   * thread is deleted, and with the last stored event once the service has shut down.
   */
  readonly streamEvents: (input: Commands.StreamEvents) => Stream.Stream<ThreadEvent, Errors.ReadErrors>
  /**
   * The events of all threads in one order, stored ones after the position `after` (default: from the start), then live
   * ones, without a hole. Each has the `position` to go on after. Of a thread that was deleted `ThreadDeleted` is left, of
   * events that were pruned one `Gap`.
   */
  readonly streamAllEvents: (input: Commands.StreamAllEvents) => Stream.Stream<FeedEvent, Errors.ListErrors>
}>()("effect-coding-agents/ProviderService") {}
