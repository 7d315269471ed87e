/**
 * A store that keeps nothing but which threads there are: what the service alone costs is measured on it.
 */
import { Context, Effect, Layer, Option } from "effect"
import { type Binding, Position, type ThreadId } from "../../src/index.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import { HookOutbox, SessionStore, SnapshotIndex, type Stores } from "../../src/store/index.ts"

const none = Effect.succeedNone
const nothing = Effect.succeed([])
const position = Position.make("1")

const sessionStore = (): SessionStore["Service"] => {
  const threads = new Map<ThreadId, Binding>()
  return {
    getThread: (threadId) => Effect.sync(() => Option.fromUndefinedOr(threads.get(threadId))),
    listThreads: () => Effect.succeed({ threads: [], unreadable: [], next: undefined }),
    activity: () => Effect.succeed(new Map()),
    createThread: () => none,
    beginImport: () => Effect.succeed(false),
    importedTurns: () => Effect.succeed(new Set()),
    importEvents: () => Effect.void,
    finishImport: () => Effect.succeed(position),
    deleteThread: (threadId) =>
      Effect.sync(() => {
        threads.delete(threadId)
        return position
      }),
    prunable: () => none,
    prune: () => Effect.succeed(false),
    pruned: () => none,
    maintain: Effect.succeed({ bytesBefore: undefined, bytesAfter: undefined }),
    tombstone: () => none,
    boundSessions: () => Effect.succeed(new Map()),
    getCursor: () => none,
    spent: () => Effect.succeed({ tokens: 0, costUsd: 0 }),
    configureThread: () => Effect.succeedSome(position),
    commit: ({ parts, threadId }) =>
      Effect.sync(() => {
        for (const { binding } of parts) if (binding !== undefined) threads.set(threadId, binding)
        return position
      }),
    settleThread: () => Effect.void,
    recordIntent: () => Effect.void,
    refuseTurn: () => Effect.void,
    getTurn: () => none,
    heldTurns: () => Effect.succeed([]),
    turnRefs: () => Effect.succeed(new Map()),
    unreconciledTurns: () => nothing,
    readEvents: () => nothing,
    annotations: () => nothing,
    readFeed: () => Effect.succeed({ events: [], through: position, ahead: false }),
    feedChanged: () => Effect.never,
    projected: () => none,
    project: () => Effect.succeed(true),
    readBlob: () => none,
    turnStarts: () => nothing,
    turnStart: () => none,
    lateEvents: () => nothing,
    rewinds: () => nothing,
    endOfLog: (threadId) =>
      Effect.sync(() =>
        Option.map(
          Option.fromUndefinedOr(threads.get(threadId)),
          ({ epoch, lastSeq }) => ({ epoch, lastSeq, position })
        )
      ),
    requestStatus: () => Effect.succeed("unknown"),
    dueThreads: () => nothing,
    setDue: () => Effect.void
  }
}

const outbox: HookOutbox["Service"] = {
  records: () => false,
  register: () => Effect.void,
  pending: () => nothing,
  nextDue: () => Effect.undefined,
  attempt: () => Effect.void,
  postpone: () => Effect.void,
  limitDue: () => Effect.void,
  giveUp: () => Effect.void,
  waiting: () => Effect.succeed({ deliveries: [], next: undefined }),
  givenUp: () => Effect.succeed({ deliveries: [], next: undefined }),
  resend: () => Effect.succeed(0),
  backlog: Effect.succeed([]),
  acknowledge: () => Effect.void,
  purge: () => Effect.void
}

const snapshots: SnapshotIndex["Service"] = {
  add: () => Effect.void,
  get: () => none,
  listByThread: () => nothing,
  listByPlace: () => nothing,
  places: nothing,
  remove: () => Effect.void,
  totals: () => Effect.succeed({ snapshots: 0, bytes: 0 })
}

export const layer: Layer.Layer<Stores> = Layer.mergeAll(
  Layer.effectContext(Effect.sync(() =>
    Context.make(SessionStore, sessionStore()).pipe(
      Context.add(HookOutbox, outbox),
      Context.add(SnapshotIndex, snapshots)
    )
  )),
  AgentProcesses.layerNoop
)
