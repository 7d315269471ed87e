/** What becomes of a command whose terminal goes, whose reader has seen enough, or whose output cannot be written. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import * as Agents from "../support/Agents.ts"
import * as Eca from "../support/Eca.ts"

const threadId = "talk"

const decode = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ _tag: Schema.String, reason: Schema.optionalKey(Schema.String) }))
)

const place = Effect.map(Agents.folder, (folder) => ({ folder, flags: ["--store", `${folder}/threads.db`, "--mock"] }))

/** A conversation in which a turn runs. */
const talking = Effect.gen(function*() {
  const { flags, folder } = yield* place
  const eca = yield* Eca.start(["chat", threadId, ...flags], { cwd: folder })
  yield* eca.type("wait\n")
  yield* eca.shows(/I wait until you interrupt me/)
  return { eca, flags }
})

/** The events of the store, by their tags: one that was left as it was is settled only now. */
const told = (flags: ReadonlyArray<string>) =>
  Effect.map(
    Eca.run(["show", threadId, "--events", ...flags]),
    ({ stdout }) =>
      stdout.split("\n").filter((line) => line !== "").map((line) => decode(line)).map(({ _tag, reason }) =>
        reason ?? _tag
      ).filter((word) => !word.startsWith("Item"))
  )

const inOrder = ["SessionStarted", "TurnStarted", "TurnInterrupted", "shutdown"]

describe("eca ends in order", () => {
  it.live("P4 P10 when its terminal is closed: the turn is interrupted and the agent is stopped", () =>
    Effect.gen(function*() {
      const { eca, flags } = yield* talking
      yield* Effect.sync(() => eca.child.kill("SIGHUP"))
      assert.strictEqual(yield* eca.exit, 130)
      assert.deepStrictEqual(yield* told(flags), inOrder)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("P4 P10 when its terminal is gone with the program that showed it, by kill -9", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      const eca = yield* Eca.start(["chat", threadId, ...flags], {
        cwd: folder,
        terminal: true,
        env: { TERM: "xterm" }
      })
      yield* eca.shows(/Type a message/)
      yield* eca.type("wait\r")
      yield* eca.shows(/I wait until you interrupt me/)
      yield* Effect.sync(() => eca.child.kill("SIGKILL"))
      const events = yield* Effect.repeat(told(flags), {
        until: (found) => found.length > 0,
        schedule: Schedule.spaced("50 millis")
      })
      assert.deepStrictEqual(events, inOrder)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("P4 P10 when the reader of its output has seen enough, which is no fault", () =>
    Effect.gen(function*() {
      const { eca, flags } = yield* talking
      yield* Effect.sync(() => eca.child.stdout.destroy())
      yield* eca.type("/stop\n")
      assert.strictEqual(yield* eca.exit, 0)
      assert.deepStrictEqual(yield* told(flags), inOrder)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("and goes on where only what it says beside its output is lost", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      const eca = yield* Eca.start(["chat", threadId, ...flags], { cwd: folder })
      yield* Effect.sync(() => eca.child.stderr.destroy())
      yield* eca.type("hello\n")
      yield* eca.shows(/You said "hello"/)
      yield* eca.type("/quit\n")
      assert.strictEqual(yield* eca.exit, 0)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("with an error where its output is lost: no disk is full without a word", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      yield* Eca.run(["chat", threadId, ...flags], "hello\n", folder)
      const full = yield* Eca.run(["show", threadId, ...flags], "", folder, `exec "$@" > /dev/full`)
      assert.strictEqual(full.code, 1)
      assert.match(full.stderr, /cannot be written \(ENOSPC\)/)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
