/** Store files in temporary folders, bindings and numbered events: what tests of the store start from. */
import { Effect, Option, Struct } from "effect"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { EventBody, ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import type { Binding } from "../../src/domain/ThreadRecord.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "store-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export const temporaryFile = Effect.map(temporaryFolder, (folder) => join(folder, "store.db"))

/** Runs on a store of the file that is opened before and closed after. */
export const withStore = <A, E, R>(filename: string, effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, SessionStore.layerSqlite({ filename, busyTimeout: "100 millis" }))

export const hash = (filename: string) => createHash("sha256").update(readFileSync(filename)).digest("hex")

export const threadId = ThreadId.make("thread-1")
export const instanceId = InstanceId.make("acme-1")
export const first = Epoch.make(1)
export const turn = (id: string) => TurnId.make(id)
export const usage = { input: 1, output: 2, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

export const binding = (options: { readonly threadId?: ThreadId; readonly epoch?: Epoch } = {}): Binding => ({
  threadId: options.threadId ?? threadId,
  instanceId,
  provider: ProviderName.make("acme"),
  sessionId: SessionId.make("session-1"),
  directory: "/project",
  runtimeMode: "approval-required",
  status: "live",
  epoch: options.epoch ?? first,
  lastSeq: 0,
  createdAt: 1000,
  activeAt: 1000
})

/** Gives the events their place after `after`. */
export const numbered = (
  after: number,
  bodies: readonly [EventBody, ...ReadonlyArray<EventBody>],
  place: { readonly threadId?: ThreadId; readonly epoch?: Epoch; readonly at?: number } = {}
): readonly [ThreadEvent, ...ReadonlyArray<ThreadEvent>] => {
  const stamp = (body: EventBody, n: number): ThreadEvent => ({
    ...body,
    seq: after + n + 1,
    threadId: place.threadId ?? threadId,
    epoch: place.epoch ?? first,
    at: place.at ?? 2000
  })
  const [head, ...tail] = bodies
  return [stamp(head, 0), ...tail.map((body, n) => stamp(body, n + 1))]
}

export const message = (id: string, turnId?: TurnId): EventBody => ({
  _tag: "Warning",
  code: id,
  ...(turnId === undefined ? {} : { turnId })
})

export const sessionStarted: EventBody = {
  _tag: "SessionStarted",
  instanceId,
  provider: ProviderName.make("acme"),
  sessionId: SessionId.make("session-1"),
  directory: "/project",
  runtimeMode: "approval-required",
  continuity: { _tag: "Created" }
}

/** A live thread with `SessionStarted` as its event 1. */
export const openThread = Effect.fnUntraced(function*(
  options: { readonly threadId?: ThreadId; readonly epoch?: Epoch; readonly after?: number; readonly dueAt?: number } =
    {}
) {
  const store = yield* SessionStore
  yield* store.openEpoch({
    binding: binding(options),
    cursor: Option.none(),
    dueAt: options.dueAt ?? 5000,
    events: numbered(options.after ?? 0, [sessionStarted], options)
  })
})

/** Records a turn that was accepted; `TurnStarted` comes after event `after`. */
export const acceptedTurn = Effect.fnUntraced(function*(id: string, after: number) {
  const store = yield* SessionStore
  const place = { turnId: turn(id), threadId, epoch: first }
  yield* store.recordIntent({ ...place, ref: undefined, input: { prompt: id }, at: 1500 })
  yield* store.acceptTurn({
    ...place,
    at: 1600,
    events: numbered(after, [{ _tag: "TurnStarted", turnId: turn(id), input: { prompt: id } }])
  })
})

/** The event without its place in time. */
export const withoutTime = (event: ThreadEvent) => Struct.omit(event, ["at"])

export const allEvents = (id: ThreadId = threadId) =>
  SessionStore.use((store) => store.readEvents({ threadId: id, after: 0, limit: 1000 }))

/** Runs on a fresh store file, then on a fresh store in memory. */
export const onStore = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(temporaryFile, (filename) => withStore(filename, effect)).pipe(
    Effect.andThen(Effect.provide(effect, SessionStore.layerMemory))
  )
