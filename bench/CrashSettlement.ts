/**
 * Opening a store whose host has crashed with 20,000 live threads, every second of them in the middle of a turn: to the
 * open store, with all of them settled. Each sample is a file of its own, filled in by hand.
 */
import { Effect, Layer } from "effect"
import { DatabaseSync } from "node:sqlite"
import { ItemId, SessionStore, TurnId } from "../src/index.ts"
import { figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const threads = 20_000
const times = 5

const usage = { input: 10, output: 20, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

/** What is in the log of the thread: one turn, and of every second thread the half of another. */
const eventsOf = (n: number) => {
  const started = {
    _tag: "SessionStarted",
    instanceId: "mock",
    provider: "mock",
    sessionId: `session-${n}`,
    directory: "/project",
    runtimeMode: "full-access",
    projectConfig: "trust",
    continuity: { _tag: "Created" }
  }
  const begin = (turnId: string) => {
    const item = { _tag: "AssistantMessage", itemId: ItemId.make(`${turnId}-item`), text: "" }
    return [{ _tag: "TurnStarted", turnId, input: { prompt: "hello" } }, { _tag: "ItemStarted", turnId, item }] as const
  }
  const turnId = TurnId.make(`turn-${n}`)
  const [turn, item] = begin(turnId)
  const whole = { ...item.item, text: "echo: hello" }
  const done = [
    started,
    turn,
    item,
    { _tag: "ItemCompleted", turnId, item: whole },
    { _tag: "TurnCompleted", turnId, usage }
  ]
  return n % 2 === 0 ? done : [...done, ...begin(`open-${n}`), { _tag: "UsageUpdated", turnId: `open-${n}`, usage }]
}

/** Fills the file of an open-and-closed store as its host would have left it with so many live threads. */
export const fill = (filename: string, threads: number) =>
  Effect.sync(() => {
    const db = new DatabaseSync(filename)
    db.exec("PRAGMA synchronous = OFF; BEGIN")
    const thread = db.prepare(
      `INSERT INTO eca_threads (thread_id, instance_id, provider, session_id, directory, runtime_mode, project, archived, status,
        epoch, last_seq, position, created_at, active_at, due_at)
        VALUES (?, 'mock', 'mock', ?, '/project', 'full-access', '{"config":"trust","by":"mode"}', 0, 'idle', 1, ?, 1, 1, 1, 1)`
    )
    const turn = db.prepare(
      `INSERT INTO eca_turns (turn_id, thread_id, epoch, status, intent_at) VALUES (?, ?, 1, 'accepted', 1)`
    )
    const input = db.prepare(`INSERT INTO eca_inputs (turn_id, thread_id, body) VALUES (?, ?, '{"prompt":"hello"}')`)
    const event = db.prepare(
      `INSERT INTO eca_events (thread_id, seq, epoch, turn_id, type, at, position, version, body)
        VALUES (?, ?, 1, ?, ?, 1, NULL, 1, ?)`
    )
    for (let n = 0; n < threads; n++) {
      const events = eventsOf(n)
      thread.run(`thread-${n}`, `session-${n}`, events.length)
      if (n % 2 === 1) {
        turn.run(`open-${n}`, `thread-${n}`)
        input.run(`open-${n}`, `thread-${n}`)
      }
      for (const [index, body] of events.entries()) {
        const turnId = "turnId" in body ? body.turnId : null
        event.run(`thread-${n}`, index + 1, turnId, body._tag, JSON.stringify(body))
      }
    }
    db.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
  })

const open = (filename: string) => Effect.scoped(Layer.build(Layer.fresh(SessionStore.layerSqlite({ filename }))))

export const measure = Effect.gen(function*() {
  const folder = yield* MockHost.folder
  const samples: Array<number> = []
  for (let n = 0; n < times; n++) {
    const filename = `${folder}/${n}.db`
    yield* open(filename)
    yield* fill(filename, threads)
    samples.push(yield* millis(open(filename)))
  }
  return [
    figure({
      name: "opening a store with 20,000 live threads after a crash",
      unit: "ms",
      ours: samples,
      goal: { text: "under 2 s", met: ({ ours }) => ours < 2000 }
    })
  ]
})
