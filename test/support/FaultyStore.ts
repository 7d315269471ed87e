/**
 * The whole library on the mock agent, with a real store whose operations fail when a test says so, before they have
 * changed anything: as a full disk or a lock that somebody else holds.
 */
import { Context, Effect, Layer } from "effect"
import { SessionStore, StoreFailed } from "../../src/index.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { layerOn, type Options } from "./Agents.ts"

type Store = SessionStore["Service"]

export type Operation = keyof Store

export const writes: ReadonlyArray<Operation> = [
  "openEpoch",
  "closeEpoch",
  "settleThread",
  "recordIntent",
  "acceptTurn",
  "refuseTurn",
  "endTurn",
  "reconcileTurn",
  "appendEvents",
  "setDue"
]

interface Faults {
  /** From now on these operations fail, and no others. */
  readonly fail: (...operations: ReadonlyArray<Operation>) => Effect.Effect<void>
  readonly heal: Effect.Effect<void>
}

export class FaultyStore extends Context.Service<FaultyStore, Faults>()("test/FaultyStore") {
  static readonly layer = Layer.effectContext(Effect.map(SessionStore, (store) => {
    let failing: ReadonlySet<Operation> = new Set()
    const set = (operations: ReadonlyArray<Operation>) =>
      Effect.sync(() => {
        failing = new Set(operations)
      })
    return Context.make(SessionStore, wrapped(store, (operation) => failing.has(operation))).pipe(
      Context.add(FaultyStore, { fail: (...operations) => set(operations), heal: set([]) })
    )
  }))
}

const wrapped = (store: Store, fails: (operation: Operation) => boolean): Store => {
  const guard = <A, E>(operation: Operation, effect: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | StoreFailed> =>
      fails(operation)
        ? Effect.fail(new StoreFailed({ operation, reason: "test", cause: "the test wants it so" }))
        : effect
    )
  return {
    getThread: (threadId) => guard("getThread", store.getThread(threadId)),
    listThreads: (page) => guard("listThreads", store.listThreads(page)),
    deleteThread: (threadId) => guard("deleteThread", store.deleteThread(threadId)),
    getCursor: (threadId, instanceId) => guard("getCursor", store.getCursor(threadId, instanceId)),
    openEpoch: (write) => guard("openEpoch", store.openEpoch(write)),
    closeEpoch: (write) => guard("closeEpoch", store.closeEpoch(write)),
    settleThread: (threadId) => guard("settleThread", store.settleThread(threadId)),
    recordIntent: (turn) => guard("recordIntent", store.recordIntent(turn)),
    acceptTurn: (write) => guard("acceptTurn", store.acceptTurn(write)),
    refuseTurn: (turnId, at) => guard("refuseTurn", store.refuseTurn(turnId, at)),
    endTurn: (write) => guard("endTurn", store.endTurn(write)),
    getTurn: (turnId) => guard("getTurn", store.getTurn(turnId)),
    unreconciledTurns: (threadId) => guard("unreconciledTurns", store.unreconciledTurns(threadId)),
    reconcileTurn: (write) => guard("reconcileTurn", store.reconcileTurn(write)),
    appendEvents: (events) => guard("appendEvents", store.appendEvents(events)),
    readEvents: (page) => guard("readEvents", store.readEvents(page)),
    annotateThread: (events) => guard("annotateThread", store.annotateThread(events)),
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
