/**
 * One thread, addressed by its id: everything that can be asked of it. It is the only one that starts, sends to, stops and
 * reaps the thread's session.
 *
 * What an actor knows it can read again from the store, so one that no call uses and that has no session is forgotten.
 */
import { Effect, Option, Semaphore } from "effect"
import type { Annotation } from "../domain/AppData.ts"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import { Epoch as EpochNumber, type RequestId, type TaskId, type ThreadId, type TurnId } from "../domain/Ids.ts"
import type { InterruptedBy, SessionEndReason } from "../domain/ThreadEvent.ts"
import type { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../domain/UserRequest.ts"
import type { NewThread } from "../store/Commit.ts"
import type { EpochFenced, StoreFailed, ThreadUnreadable } from "../store/StoreError.ts"
import * as AgentCall from "./AgentCall.ts"
import * as CompactionRequest from "./CompactionRequest.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as EventReader from "./EventReader.ts"
import * as RequestAnswer from "./RequestAnswer.ts"
import * as SessionReaper from "./SessionReaper.ts"
import type * as SessionStart from "./SessionStart.ts"
import * as SetupRefresh from "./SetupRefresh.ts"
import * as SnapshotRequest from "./SnapshotRequest.ts"
import type * as StartPlan from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import * as ThreadConfiguration from "./ThreadConfiguration.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadImport from "./ThreadImport.ts"
import * as ThreadLog from "./ThreadLog.ts"
import * as ThreadNote from "./ThreadNote.ts"
import * as ThreadReaping from "./ThreadReaping.ts"
import * as ThreadRewind from "./ThreadRewind.ts"
import * as ThreadStart from "./ThreadStart.ts"
import * as TurnDeadlines from "./TurnDeadlines.ts"
import * as TurnDelivery from "./TurnDelivery.ts"

/** A class, so that what a thread can do is not made anew for each of thousands. */
export class ThreadActor {
  readonly threadId: ThreadId
  readonly #deps: ThreadDeps
  readonly #cell: ThreadCell.ThreadCell

  constructor(deps: ThreadDeps, threadId: ThreadId) {
    this.threadId = threadId
    this.#deps = deps
    this.#cell = ThreadCell.make(threadId, deps.shown)
  }

  /** Whether a session is there, so that the actor must be kept. */
  get isLive(): boolean {
    return this.#cell.live !== undefined
  }

  /** Whether this turn is with the agent, or on its way to it. */
  hasTurn(turnId: TurnId): boolean {
    return this.#cell.live !== undefined && Epoch.hasTurn(this.#cell.live.state, turnId)
  }

  /** The session that is live or being started, as the cap on them sees it. */
  get session(): SessionReaper.LiveSession | undefined {
    const { live, starting, threadId } = this.#cell
    if (live === undefined) {
      return starting ? { threadId, epoch: EpochNumber.make(0), activeAt: 0, busy: true, exempt: false } : undefined
    }
    const { binding, state } = live
    return {
      threadId,
      epoch: binding.epoch,
      activeAt: state.activeAt,
      busy: starting || LiveEpoch.isBusy(live) || Epoch.beside(state).length > 0,
      exempt: ThreadReaping.isExempt(this.#deps, binding)
    }
  }

  /** What the reaper will do with the session that is live or being started, by its clock. */
  outlook(look: SessionReaper.Look): SessionReaper.Outlook | undefined {
    const { live, starting } = this.#cell
    if (starting) return { _tag: "Keep", because: "busy" }
    return live === undefined || live.broken !== undefined
      ? undefined
      : SessionReaper.outlook(ThreadReaping.observation(this.#deps, live, look), this.#deps.settings.reaper)
  }

  /** What the thread is doing now, where that is known here: else what is stored holds. */
  get status() {
    return ThreadCell.status(this.#cell)
  }

  /** `seq` of the last durable event that readers were shown, where it is known. */
  get shownSeq(): number | undefined {
    return this.#cell.log.lastSeq
  }

  /** What a reader needs that joins in the middle of open items. */
  textSoFar() {
    const { log } = this.#cell
    const at = this.#deps.clock.currentTimeMillisUnsafe()
    return log.textSoFar().map((body) => ThreadLog.placed(log, log.lastSeq ?? 0, at, body))
  }

  /** The turn that runs or is on its way. */
  get turn(): TurnId | undefined {
    return this.#cell.live === undefined ? undefined : Epoch.turnOf(this.#cell.live.state)
  }

  /** The bytes that an event of the thread names, or that hooks are asked about now. */
  readBlob(sha256: string) {
    return Effect.suspend(() => {
      const offered = this.#cell.live?.offered.find((blob) => blob.sha256 === sha256)
      return offered === undefined
        ? this.#deps.store.readBlob(this.threadId, sha256)
        : Effect.succeedSome(offered.content)
    })
  }

  start(asked: StartPlan.StartRequest) {
    return ThreadStart.start(this.#deps, this.#cell, asked)
  }

  /** Makes the thread without a session. A start that is under way comes first. */
  createRecord(thread: NewThread) {
    return ThreadStart.createRecord(this.#deps, this.#cell, thread)
  }

  /** Makes the thread of turns from elsewhere, without a session. */
  importTurns(input: ThreadImport.Import) {
    return ThreadImport.run(this.#deps, this.#cell, input)
  }

  create(plan: StartPlan.StartPlan, past: SessionStart.Past) {
    return ThreadStart.create(this.#deps, this.#cell, plan, past)
  }

  reset() {
    return ThreadStart.reset(this.#deps, this.#cell)
  }

  refreshSetup() {
    return SetupRefresh.refresh(this.#deps, this.#cell)
  }

  fork(at: TurnId | undefined) {
    return ThreadStart.fork(this.#deps, this.#cell, at)
  }

  configure(configuration: ThreadConfiguration.Configuration) {
    return ThreadConfiguration.configure(this.#deps, this.#cell, configuration)
  }

  /** Records what the app says; answers its `seq`. */
  annotate(said: Omit<Annotation, "at"> & { readonly turnId?: TurnId | undefined }) {
    return ThreadNote.annotate(this.#deps, this.#cell, said)
  }

  rewind(before: TurnId) {
    return ThreadRewind.rewind(this.#deps, this.#cell, before)
  }

  send(request: TurnDelivery.TurnRequest, onSending?: (delivery: TurnDelivery.Delivery) => void) {
    return TurnDelivery.send(this.#deps, this.#cell, request, onSending)
  }

  /** Records that the turn is to be interrupted, and for whom; asks nothing of the agent yet. */
  noteInterrupt(turnId: TurnId, by: InterruptedBy) {
    return Effect.suspend(() =>
      this.#cell.live === undefined
        ? Effect.void
        : LiveEpoch.advance(this.#deps, this.#cell.live, { _tag: "Interrupting", turnId, by })
    )
  }

  /** Interrupts the turn and waits for its end. */
  interruptTurn(turnId: TurnId, by: InterruptedBy) {
    return Effect.suspend(() => {
      const { live } = this.#cell
      return live === undefined || !Epoch.hasTurn(live.state, turnId)
        ? Effect.void
        : TurnDeadlines.interruptFor(this.#deps, live, turnId, by, ThreadCell.lost(this.#deps, this.#cell, live))
    })
  }

  /** Configures the thread before the answer, if it is asked to; answers from when on that holds. */
  respond(
    requestId: RequestId,
    decision: ApprovalDecision,
    actor: string | undefined,
    configuration: ThreadConfiguration.Configuration | undefined
  ) {
    const before = configuration === undefined ? Effect.undefined : this.configure(configuration)
    return RequestAnswer.respond(this.#deps, this.#cell, { _tag: "Approval", requestId, decision }, actor, before)
  }

  answer(requestId: RequestId, answer: QuestionAnswer, actor: string | undefined) {
    return RequestAnswer.answer(this.#deps, this.#cell, { _tag: "Question", requestId, answer }, actor)
  }

  elicit(requestId: RequestId, answer: ElicitationAnswer, actor: string | undefined) {
    return RequestAnswer.give(this.#deps, this.#cell, { _tag: "Elicitation", requestId, answer }, actor)
  }

  /** Asks the agent to end a task; its `TaskEnded` follows. Answers whether there is one. */
  stopTask(taskId: TaskId) {
    return Effect.suspend(() => {
      const { live } = this.#cell
      if (live === undefined || !live.state.tasks.has(taskId)) return Effect.succeed(false)
      const { instanceId } = live.binding
      const stopped = live.session.stopTask(taskId)
      return Effect.as(AgentCall.within(this.#deps, { instanceId, operation: "stopTask" }, stopped), true)
    })
  }

  compact(trigger: CompactionTrigger) {
    return CompactionRequest.compact(this.#deps, this.#cell, trigger)
  }

  snapshot() {
    return SnapshotRequest.take(this.#deps, this.#cell)
  }

  /** Stored events, then live ones. `exists` fails if there is no such thread. */
  events<E>(query: EventReader.Query, exists: Effect.Effect<void, E>) {
    return EventReader.read(this.#deps, this.#cell.log, query, exists)
  }

  /** Readers look whether there is something for them, or nothing will come any more. */
  wakeReaders(): void {
    ThreadLog.wake(this.#cell.log)
  }

  /** Stops the session, interrupting a start that is under way. Succeeds when there is nothing to stop. */
  stop(reason: SessionEndReason) {
    return ThreadCell.preempt(
      this.#cell,
      Effect.suspend((): Effect.Effect<unknown, StoreFailed | EpochFenced | ThreadUnreadable> =>
        this.#cell.live === undefined
          ? ThreadCell.loadRecord(this.#deps, this.#cell)
          : ThreadCell.end(this.#deps, this.#cell, this.#cell.live, reason)
      )
    )
  }

  /** Stops the session, interrupting a start that is under way, and deletes the thread from the store. */
  remove() {
    return ThreadCell.preempt(this.#cell, remove(this.#deps, this.#cell))
  }

  /**
   * Looks at a thread that is due and stops it if the rule says so, under the thread's lock. A thread whose lock is taken
   * is in use.
   */
  reap(epoch: EpochNumber, look: SessionReaper.Look) {
    return Effect.asVoid(
      Semaphore.withPermitsIfAvailable(this.#cell.lock, 1)(ThreadReaping.reap(this.#deps, this.#cell, epoch, look))
    )
  }
}

const remove = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell.ThreadCell) {
  const { threadId } = cell
  // An end that could not be stored is recorded before its thread is gone. What cannot be read can be deleted.
  yield* cell.live === undefined
    ? Effect.catchTag(ThreadCell.loadRecord(deps, cell), "ThreadUnreadable", () => Effect.void)
    : ThreadCell.end(deps, cell, cell.live, "deleted")
  if (Option.isNone(yield* deps.store.endOfLog(threadId))) return
  yield* ThreadLog.load(cell.log, deps.store)
  yield* deps.store.deleteThread(threadId).pipe(
    Effect.map((position) => {
      deps.unsettled.delete(threadId)
      ThreadLog.end(cell.log, deps.clock.currentTimeMillisUnsafe(), position)
    }),
    // The caller may be gone by the time that it is deleted; its readers are told all the same.
    Effect.uninterruptible
  )
})
