/** Store files in temporary folders, bindings and numbered events: what tests of the store start from. */
import { Effect, Layer, Struct } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { EventBody, NumberedEvent, SessionEndReason, ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import type { BoundThread } from "../../src/domain/ThreadRecord.ts"
import * as Blobs from "../../src/store/Blobs.ts"
import * as LifecycleRecord from "../../src/store/LifecycleRecord.ts"
import { type Commit, type Part, SessionStore } from "../../src/store/SessionStore.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import * as Postgres from "./Postgres.ts"

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "store-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export const temporaryFile = Effect.map(temporaryFolder, (folder) => join(folder, "store.db"))

/** The tests of files are about SQLite. */
export const onSqlite = Postgres.socket === undefined

/** Changes the database behind the store's back. */
export const behind = (filename: string, statements: string) =>
  onSqlite
    ? Effect.sync(() => {
      const db = new DatabaseSync(filename)
      db.exec(statements)
      db.close()
    })
    : SqlClient.SqlClient.use((sql) =>
      Effect.forEach(statements.split(";"), (statement) => sql.unsafe(statement), { discard: true })
    ).pipe(Effect.provide(Postgres.client(filename), { local: true }), Effect.orDie)

/** Runs on a store of the file that is opened before and closed after; on PostgreSQL, of the schema that it stands for. */
export const withStore = <A, E, R>(filename: string, effect: Effect.Effect<A, E, R>) =>
  Effect.provide(
    effect,
    onSqlite
      ? SessionStore.layerSqlite({ filename, busyTimeout: "100 millis" })
      : Layer.provide(SessionStore.layer, Postgres.client(filename)),
    { local: true }
  )

export const hash = (filename: string) => createHash("sha256").update(readFileSync(filename)).digest("hex")

export const threadId = ThreadId.make("thread-1")
/** What a deleted thread has said, to be looked for in the bytes of the store's files. */
export const erased = "the launch code is 8341"
/** An image of many parts. */
export const largeImage = Buffer.alloc(30 * 1024 * 1024, erased)
export const instanceId = InstanceId.make("acme-1")
export const first = Epoch.make(1)

/** What is recorded of an input with this image. */
export const pasted = (content: Uint8Array) =>
  Blobs.ofInput({
    prompt: "look",
    attachments: [{
      _tag: "Data",
      name: "shot.png",
      mime: "image/png",
      base64: Buffer.from(content).toString("base64")
    }]
  })

export const turn = (id: string) => TurnId.make(id)
export const usage = { input: 1, output: 2, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

export const binding = (options: { readonly threadId?: ThreadId; readonly epoch?: Epoch } = {}): BoundThread => ({
  threadId: options.threadId ?? threadId,
  instanceId,
  provider: ProviderName.make("acme"),
  sessionId: SessionId.make("session-1"),
  directory: "/project",
  runtimeMode: "approval-required",
  status: "idle",
  project: { config: "instructions", by: "mode" },
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
): readonly [NumberedEvent, ...ReadonlyArray<NumberedEvent>] => {
  const stamp = (body: EventBody, n: number): NumberedEvent => ({
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

export const sessionStarted: Extract<EventBody, { readonly _tag: "SessionStarted" }> = {
  _tag: "SessionStarted",
  instanceId,
  provider: ProviderName.make("acme"),
  sessionId: SessionId.make("session-1"),
  directory: "/project",
  runtimeMode: "approval-required",
  projectConfig: "instructions",
  continuity: { _tag: "Created" }
}

export interface Writing extends Partial<Omit<Commit, "parts">>, Partial<Pick<Part, "epoch" | "expect" | "resets">> {
  readonly binding?: BoundThread
}

/** The commit of these events: in the first epoch of the thread, live, unless the options say otherwise. */
export const writing = (
  events: ReadonlyArray<NumberedEvent>,
  { binding: opened, epoch, expect, resets, ...write }: Writing = {}
): Commit => {
  const identity = opened ?? binding()
  return {
    name: "test",
    threadId: opened?.threadId ?? threadId,
    flush: false,
    ...write,
    parts: [{
      epoch: epoch ?? opened?.epoch ?? first,
      expect: expect ?? (opened === undefined ? "live" : "none"),
      binding: opened,
      resets,
      events,
      lifecycle: events.flatMap((event) => LifecycleRecord.of(event, identity) ?? [])
    }]
  }
}

export const commit = (events: ReadonlyArray<NumberedEvent>, options?: Writing) =>
  SessionStore.use((store) => store.commit(writing(events, options)))

/** A live thread with `SessionStarted` as its event 1. */
export const openThread = Effect.fnUntraced(function*(
  options: { readonly threadId?: ThreadId; readonly epoch?: Epoch; readonly after?: number; readonly dueAt?: number } =
    {}
) {
  return yield* commit(numbered(options.after ?? 0, [sessionStarted], options), {
    binding: binding(options),
    dueAt: options.dueAt ?? 5000,
    flush: true
  })
})

/** Records a turn that was accepted; `TurnStarted` comes after event `after`. */
export const acceptedTurn = Effect.fnUntraced(function*(id: string, after: number) {
  const store = yield* SessionStore
  const place = { turnId: turn(id), threadId, epoch: first }
  yield* store.recordIntent({ ...place, ref: undefined, input: { prompt: id }, at: 1500 })
  const started = numbered(after, [{ _tag: "TurnStarted", turnId: turn(id), input: { prompt: id } }])
  return yield* commit(started, { activeAt: 1600, dueAt: null, status: "running" })
})

/** Ends the thread's epoch; `SessionEnded` comes after event `after`. */
export const stopped = (after: number, options: Writing & { readonly reason?: SessionEndReason } = {}) => {
  const { reason = "stopped", ...write } = options
  return commit(numbered(after, [{ _tag: "SessionEnded", reason }], write), { activeAt: 1800, ...write })
}

/** The event without its place in time. */
export const withoutTime = (event: NumberedEvent) => Struct.omit(event, ["at", "position"])

/** The events without their positions, as they were given to the store. */
export const withoutPosition = (events: ReadonlyArray<ThreadEvent>): ReadonlyArray<unknown> =>
  events.map((event) => Struct.omit(event, ["position"]))

export const allEvents = (id: ThreadId = threadId) =>
  SessionStore.use((store) => store.readEvents({ threadId: id, after: 0, limit: 1000 }))

/** Runs on a fresh store. */
export const onStore = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(
    effect,
    onSqlite
      ? SessionStore.layerMemory
      : Layer.provide(SessionStore.layer, Postgres.client()),
    { local: true }
  )

/** An empty database. */
export const freshDatabase = Layer.unwrap(
  Effect.sync(() => Postgres.socket === undefined ? SqliteClient.layer({ filename: ":memory:" }) : Postgres.client())
)

/** Runs on a fresh store, whose database it can look into. */
export const onDatabase = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Layer.provideMerge(SessionStore.layer, freshDatabase), { local: true })
