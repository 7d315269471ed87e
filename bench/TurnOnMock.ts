/**
 * One turn on the mock agent, from the call of `runTurn` to its result: all that the library itself costs.
 *
 * Taken in turn: with the ledger on a SQLite file, on a store that does nothing, and the same rows written by hand with `node:sqlite`
 * (two flushed commits, two relaxed ones), which is what the disk alone asks for. Each sample is the mean of
 * a block of turns on a new thread, so that the length of a conversation plays no part.
 */
import { Context, Effect, Layer } from "effect"
import { DatabaseSync } from "node:sqlite"
import { ProviderService } from "../src/index.ts"
import { figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const block = 50
const rounds = { warmup: 20, measured: 60 }

const blockOfTurns = (directory: string) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const threadId = yield* MockHost.newThread(directory)
    const total = yield* millis(Effect.gen(function*() {
      for (let n = 0; n < block; n++) yield* agents.runTurn({ threadId, prompt: "hello" })
    }))
    yield* agents.stopSession({ threadId })
    return total / block
  })

/** The rows of a turn, as an engineer would write them who knows that two of the commits must reach the disk. */
const byHand = (filename: string) => {
  const db = new DatabaseSync(filename)
  db.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE threads (thread_id TEXT PRIMARY KEY, epoch INT, last_seq INT, active_at INT, due_at INT);
    CREATE INDEX due ON threads (due_at) WHERE due_at IS NOT NULL;
    CREATE TABLE turns (turn_id TEXT PRIMARY KEY, thread_id TEXT, status TEXT, input TEXT, at INT);
    CREATE TABLE events (thread_id TEXT, seq INT, type TEXT, at INT, body TEXT, PRIMARY KEY (thread_id, seq));
    CREATE TABLE cursors (thread_id TEXT PRIMARY KEY, body TEXT);
    INSERT INTO threads VALUES ('thread', 1, 0, 0, 0)`)
  const intent = db.prepare("INSERT INTO turns VALUES (?, ?, 'intent', ?, ?)")
  const status = db.prepare("UPDATE turns SET status = ? WHERE turn_id = ?")
  const event = db.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?)")
  const thread = db.prepare("UPDATE threads SET last_seq = ?, active_at = ?, due_at = ? WHERE thread_id = ?")
  const cursor = db.prepare("INSERT INTO cursors VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body")
  let seq = 0
  let turns = 0
  const turn = () => {
    const id = `turn_${crypto.randomUUID()}_${++turns}`
    const body = JSON.stringify({ _tag: "Event", turnId: id, item: { itemId: id, text: "echo: hello" } })
    db.exec("PRAGMA synchronous = FULL")
    intent.run(id, "thread", body, turns)
    db.exec("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE")
    event.run("thread", ++seq, "TurnStarted", turns, body)
    status.run("accepted", id)
    thread.run(seq, turns, null, "thread")
    db.exec("COMMIT; PRAGMA synchronous = FULL; BEGIN IMMEDIATE")
    event.run("thread", ++seq, "ItemStarted", turns, body)
    event.run("thread", ++seq, "ItemCompleted", turns, body)
    event.run("thread", ++seq, "TurnCompleted", turns, body)
    status.run("completed", id)
    cursor.run("thread", body)
    thread.run(seq, turns, turns + 1000, "thread")
    db.exec("COMMIT")
  }
  return { turn, close: () => db.close() }
}

const blockByHand = (raw: ReturnType<typeof byHand>) =>
  Effect.map(
    millis(Effect.sync(() => {
      for (let n = 0; n < block; n++) raw.turn()
    })),
    (total) => total / block
  )

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const durable = yield* Layer.build(MockHost.layer({ store: { filename: `${directory}/store.db` } }))
  const alone = yield* Layer.build(MockHost.layer({ store: "none" }))
  const raw = yield* Effect.acquireRelease(
    Effect.sync(() => byHand(`${directory}/raw.db`)),
    (raw) => Effect.sync(raw.close)
  )
  const on = (host: Context.Context<ProviderService>) => Effect.provideContext(blockOfTurns(directory), host)
  const samples = { durable: [] as Array<number>, alone: [] as Array<number>, raw: [] as Array<number> }
  for (let round = -rounds.warmup; round < rounds.measured; round++) {
    const taken = { durable: yield* on(durable), alone: yield* on(alone), raw: yield* blockByHand(raw) }
    if (round < 0) continue
    samples.durable.push(taken.durable)
    samples.alone.push(taken.alone)
    samples.raw.push(taken.raw)
  }
  return [
    figure({
      name: "turn on the mock, durable ledger",
      unit: "ms",
      ours: samples.durable,
      raw: samples.raw,
      goal: { text: "0.3 ms", met: ({ ours }) => ours <= 0.3 }
    }),
    figure({
      name: "turn on the mock, the service alone",
      unit: "ms",
      ours: samples.alone,
      goal: { text: "0.1 ms", met: ({ ours }) => ours <= 0.1 }
    })
  ]
})
