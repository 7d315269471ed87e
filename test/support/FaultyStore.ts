/**
 * The whole library on the mock agent, with a real store whose operations fail when a test says so, before they have
 * changed anything: as on a full disk, or where another process holds the lock.
 */
import { Context, Effect, Layer } from "effect"
import { SessionStore } from "../../src/index.ts"
import { StoreFailed } from "../../src/protocol.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { layerOn, type Options } from "./Agents.ts"

type Store = SessionStore["Service"]

/** Commits of the library, by their names. */
const commits = [
  "open an epoch",
  "end an epoch",
  "accept a turn",
  "end a turn",
  "reconcile a turn",
  "append events",
  "annotate a thread"
] as const

export type Operation = keyof Store | (typeof commits)[number]

export const writes: ReadonlyArray<Operation> = [...commits, "settleThread", "recordIntent", "refuseTurn", "setDue"]

interface Faults {
  /** From now on these operations fail, and no others. */
  readonly fail: (...operations: ReadonlyArray<Operation>) => Effect.Effect<void>
  readonly heal: Effect.Effect<void>
  /** The next operation of this name is done, and then answers once `effect` has ended; its failure is the answer. */
  readonly afterNext: (operation: Operation, effect: Effect.Effect<unknown, StoreFailed>) => Effect.Effect<void>
}

/** What the operations of a test's store meet. */
interface Meets {
  readonly fails: (operation: string) => boolean
  /** What the answer of this one waits for. */
  readonly after: (operation: string) => Effect.Effect<unknown, StoreFailed> | undefined
}

export class FaultyStore extends Context.Service<FaultyStore, Faults>()("test/FaultyStore") {
  static readonly layer = Layer.effectContext(Effect.map(SessionStore, (store) => {
    let failing: ReadonlySet<string> = new Set()
    const afters = new Map<string, Effect.Effect<unknown, StoreFailed>>()
    const set = (operations: ReadonlyArray<Operation>) =>
      Effect.sync(() => {
        failing = new Set(operations)
      })
    const meets: Meets = {
      fails: (operation) => failing.has(operation),
      after: (operation) => {
        const after = afters.get(operation)
        afters.delete(operation)
        return after
      }
    }
    return Context.make(SessionStore, wrapped(store, meets)).pipe(
      Context.add(FaultyStore, {
        fail: (...operations) => set(operations),
        heal: set([]),
        afterNext: (operation, effect) => Effect.sync(() => afters.set(operation, effect))
      })
    )
  }))
}

export const failed = (operation: Operation) =>
  new StoreFailed({ operation, reason: "test", cause: "the test wants it so" })

const wrapped = (store: Store, { after, fails }: Meets): Store => {
  const guard = <A, E>(operation: Operation, effect: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | StoreFailed> => {
      if (fails(operation)) return Effect.fail(failed(operation))
      const then = after(operation)
      // A transaction is done to its end, whoever is interrupted.
      return then === undefined ? effect : Effect.uninterruptible(Effect.tap(effect, () => then))
    })
  return {
    getThread: (threadId) => guard("getThread", store.getThread(threadId)),
    listThreads: (page) => guard("listThreads", store.listThreads(page)),
    activity: (threadIds) => guard("activity", store.activity(threadIds)),
    deleteThread: (threadId) => guard("deleteThread", store.deleteThread(threadId)),
    readBlob: (threadId, sha256) => guard("readBlob", store.readBlob(threadId, sha256)),
    prunable: (threadId, limits) => guard("prunable", store.prunable(threadId, limits)),
    prune: (pruning) => guard("prune", store.prune(pruning)),
    pruned: (threadId) => guard("pruned", store.pruned(threadId)),
    maintain: guard("maintain", store.maintain),
    boundSessions: (instanceId, sessionIds) => guard("boundSessions", store.boundSessions(instanceId, sessionIds)),
    getCursor: (threadId, instanceId) => guard("getCursor", store.getCursor(threadId, instanceId)),
    tombstone: (threadId) => guard("tombstone", store.tombstone(threadId)),
    createThread: (binding) => guard("createThread", store.createThread(binding)),
    beginImport: (threadId) => guard("beginImport", store.beginImport(threadId)),
    importedTurns: (threadId, turnIds) => guard("importedTurns", store.importedTurns(threadId, turnIds)),
    importEvents: (batch) => guard("importEvents", store.importEvents(batch)),
    finishImport: (thread) => guard("finishImport", store.finishImport(thread)),
    configureThread: (binding) => guard("configureThread", store.configureThread(binding)),
    commit: (write) => guard(commits.find((name) => name === write.name) ?? "commit", store.commit(write)),
    settleThread: (threadId) => guard("settleThread", store.settleThread(threadId)),
    recordIntent: (turn) => guard("recordIntent", store.recordIntent(turn)),
    refuseTurn: (turnId, at) => guard("refuseTurn", store.refuseTurn(turnId, at)),
    getTurn: (turnId) => guard("getTurn", store.getTurn(turnId)),
    unreconciledTurns: (threadId) => guard("unreconciledTurns", store.unreconciledTurns(threadId)),
    readEvents: (page) => guard("readEvents", store.readEvents(page)),
    readFeed: (query) => guard("readFeed", store.readFeed(query)),
    projected: (name) => guard("projected", store.projected(name)),
    project: (step) => store.project(step),
    feedChanged: (after) => store.feedChanged(after),
    turnStarts: (page) => guard("turnStarts", store.turnStarts(page)),
    turnStart: (threadId, turnId) => guard("turnStart", store.turnStart(threadId, turnId)),
    lateEvents: (query) => guard("lateEvents", store.lateEvents(query)),
    annotations: (query) => guard("annotations", store.annotations(query)),
    rewinds: (threadId, after) => guard("rewinds", store.rewinds(threadId, after)),
    endOfLog: (threadId) => guard("endOfLog", store.endOfLog(threadId)),
    spent: (threadId) => guard("spent", store.spent(threadId)),
    heldTurns: (query) => guard("heldTurns", store.heldTurns(query)),
    turnRefs: (threadId) => guard("turnRefs", store.turnRefs(threadId)),
    requestStatus: (threadId, requestId) => guard("requestStatus", store.requestStatus(threadId, requestId)),
    dueThreads: (query) => guard("dueThreads", store.dueThreads(query)),
    setDue: (due) => guard("setDue", store.setDue(due))
  }
}

/** One host. */
export const layer = (options: Options = {}) =>
  layerOn(
    FaultyStore.layer.pipe(
      Layer.provideMerge(Layer.orDie(SessionStore.layer)),
      Layer.provideMerge(Layer.orDie(SqliteClient.layer({ filename: options.filename ?? ":memory:" })))
    ),
    options
  )
