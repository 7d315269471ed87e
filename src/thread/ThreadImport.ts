/**
 * A thread that is brought along from elsewhere: its turns are written in batches, and it is there once all of them are.
 */
import { Cause, Effect, Exit, Schema, Semaphore, Stream } from "effect"
import { Epoch, type SessionId, type TurnId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import { ImportedTurn, type TranscriptTurn } from "../domain/TranscriptTurn.ts"
import * as AdapterGuard from "../provider/AdapterGuard.ts"
import { ImportedTurnInvalid, ImportSourceFailed, ImportTooLarge, ThreadExists } from "../service/ServiceError.ts"
import type { NewThread } from "../store/Commit.ts"
import { restoredTurn } from "./restoredTurn.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadLog from "./ThreadLog.ts"

export interface Import {
  readonly thread: NewThread
  readonly sessionId: SessionId | undefined
  /** As the app gives them: not decoded yet. */
  readonly turns: Stream.Stream<unknown, unknown>
  /** What of a turn is more than could be sent. */
  readonly beyond: (turn: TranscriptTurn) => ReadonlyArray<InputIssue.InputIssue>
  /** How many turns, and how many bytes of JSON, all of them may have. */
  readonly limit: { readonly turns: number; readonly bytes: number }
}

/** So many turns, or so many bytes of JSON, are held in memory and written at once. */
const batchTurns = 256
const batchWeight = 4 * 1024 * 1024

const decode = Schema.decodeUnknownEffect(ImportedTurn, { errors: "all" })

/** As it can be stored and read back: the input of a tool call is anything at all. */
const decodeTurn = (raw: unknown) =>
  Effect.suspend(() => decode(raw)).pipe(
    Effect.mapError((error) => InputIssue.bounded(InputIssue.of(error))),
    Effect.map((turn) => ({ ...turn, items: turn.items.map(AdapterGuard.item) })),
    Effect.catchDefect(() => Effect.fail({ issues: [InputIssue.unreadable] }))
  )

const imported = { _tag: "Import" } as const

/** A turn and its place in the app's Stream. */
interface Placed {
  readonly index: number
  readonly turn: TranscriptTurn
}

/** Writes the batch as events that follow those before. */
const writeBatch = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  batch: ReadonlyArray<Placed>,
  lastSeq: number
) {
  const { threadId } = cell
  const taken = new Set<TurnId>(yield* deps.store.importedTurns(threadId, batch.map(({ turn }) => turn.turnId)))
  const bodies: Array<EventBody> = []
  for (const { index, turn } of batch) {
    if (taken.has(turn.turnId)) {
      const issues = [{ path: "turnId", reason: "Expected an id that no turn before it has" }]
      return yield* new ImportedTurnInvalid({ threadId, index, issues })
    }
    taken.add(turn.turnId)
    // What was taken back is no part of the conversation.
    if (turn.rewound !== true) bodies.push(restoredTurn(turn, imported))
  }
  const at = deps.clock.currentTimeMillisUnsafe()
  const { blobs, durable } = ThreadLog.number(cell.log, lastSeq, at, Epoch.make(0), bodies)
  yield* deps.store.importEvents({ events: durable, blobs })
  return lastSeq + durable.length
})

const writeAll = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  { beyond, limit, sessionId, thread, turns }: Import
) {
  const { threadId } = cell
  let index = 0
  let lastSeq = 0
  let bytes = 0
  let weight = 0
  let batch: Array<Placed> = []
  const flush = Effect.suspend(() => {
    const full = batch
    batch = []
    weight = 0
    return Effect.map(writeBatch(deps, cell, full, lastSeq), (seq) => {
      lastSeq = seq
    })
  })
  yield* turns.pipe(
    // Also what throws, as a generator that reads another store.
    Stream.catchCause((cause) =>
      Stream.fail(new ImportSourceFailed({ threadId, turns: index, cause: Cause.squash(cause) }))
    ),
    Stream.runForEach((raw) =>
      Effect.gen(function*() {
        if (index >= limit.turns) return yield* new ImportTooLarge({ threadId, of: "turns", limit: limit.turns })
        const turn = yield* Effect.mapError(
          decodeTurn(raw),
          (invalid) => new ImportedTurnInvalid({ threadId, index, ...invalid })
        )
        const issues = beyond(turn)
        if (issues.length > 0) return yield* new ImportedTurnInvalid({ threadId, index, issues })
        const size = Buffer.byteLength(JSON.stringify(turn))
        bytes += size
        if (bytes > limit.bytes) return yield* new ImportTooLarge({ threadId, of: "bytes", limit: limit.bytes })
        batch.push({ index, turn })
        index++
        weight += size
        if (batch.length >= batchTurns || weight >= batchWeight) yield* flush
      })
    )
  )
  if (batch.length > 0) yield* flush
  const position = yield* deps.store.finishImport({ ...thread, sessionId, lastSeq })
  return { turns: index, lastSeq, position }
})

/** Makes the thread of these turns, without a session. What fails, or is interrupted by a stop, leaves nothing. */
export const run = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, input: Import) =>
  Effect.gen(function*() {
    const { threadId } = cell
    yield* ThreadCell.notStopping(deps, cell)
    const exit = yield* ThreadCell.interruptible(
      deps,
      cell,
      Effect.acquireUseRelease(
        deps.store.beginImport(threadId),
        Effect.fnUntraced(function*(begun) {
          return begun ? yield* writeAll(deps, cell, input) : yield* new ThreadExists({ threadId })
        }),
        (begun, exit) =>
          begun && Exit.isFailure(exit)
            // Where that fails, too, the next opening of the store does it.
            ? Effect.ignore(deps.store.deleteThread(threadId), { log: "Warn" })
            : Effect.void
      )
    )
    const done = yield* ThreadCell.valueOf(cell, exit)
    ThreadLog.forget(cell.log)
    return done
  }).pipe(Semaphore.withPermit(cell.lock))
