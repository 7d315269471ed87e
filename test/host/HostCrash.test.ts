/** Hosts that are killed for real, at every point of a turn, and what the next one makes of it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path, Schema } from "effect"
import { ProviderService, SessionStore } from "../../src/index.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Host from "../support/Host.ts"

const { endings, is, mock, stored, threadId } = Agents

const place = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
  return { directory, filename: path.join(directory, "store.db") }
}).pipe(Effect.provide(NodeServices.layer))

const Line = Schema.fromJsonString(Schema.Struct({
  point: Schema.optionalKey(Schema.String),
  _tag: Schema.optionalKey(Schema.String),
  host: Schema.optionalKey(Schema.String),
  pid: Schema.optionalKey(Schema.Int)
}))

/** How the second turn ended, by where its host was killed. */
const outcome: Record<(typeof Host.points)[number], string | undefined> = {
  "before-intent": undefined,
  "after-intent": "delivery-uncertain",
  "sent": "delivery-uncertain",
  "accepted": "host-crash",
  "item": "host-crash",
  "approval": "host-crash",
  "before-end": "host-crash",
  "after-end": "completed",
  "before-stop": "completed",
  "after-stop": "completed"
}

describe("a host that is killed", () => {
  for (const point of Host.points) {
    it.live(
      `P4 P5 P6 store: ${point}: every accepted turn has one end, nothing is sent again, the cursor is kept`,
      () =>
        Effect.gen(function*() {
          const { directory, filename } = yield* place
          const host = yield* Host.start(filename, directory, point)
          assert.deepStrictEqual(yield* Schema.decodeEffect(Line)(host.line), { point })
          yield* host.kill
          // Twice: settling what is settled changes nothing.
          for (let opening = 1; opening <= 2; opening++) {
            yield* Effect.gen(function*() {
              const agents = yield* ProviderService
              const agent = yield* MockProvider
              const store = yield* SessionStore
              const events = yield* stored()
              assert.deepStrictEqual(events.map((event) => event.seq), events.map((_, n) => n + 1))
              const ends = endings(events)
              assert.deepStrictEqual(ends[Host.first], ["TurnCompleted"])
              const unknown = events.filter(is("TurnUnknown"))
              const expected = outcome[point]
              if (expected === undefined) assert.isUndefined(ends[Host.second])
              else if (expected === "completed") assert.deepStrictEqual(ends[Host.second], ["TurnCompleted"])
              else {
                assert.deepStrictEqual(ends[Host.second], ["TurnUnknown"])
                assert.deepStrictEqual(unknown.map((event) => [event.turnId, event.reason]), [[Host.second, expected]])
              }
              const asked = events.filter(is("ApprovalRequested")).map((event) => event.request.requestId)
              const settled = events.filter(is("ApprovalSettled"))
              assert.strictEqual(asked.length, point === "approval" ? 1 : 0)
              assert.deepStrictEqual(settled.map((event) => event.requestId), asked)
              for (const event of settled) assert.strictEqual(event.by, "host-crash")
              const ended = events.filter(is("SessionEnded")).map((event) => event.reason)
              assert.strictEqual(ended[0], point === "after-stop" ? "stopped" : "host-crash")
              assert.strictEqual((yield* agents.getThread({ threadId })).lastSeq, events.length)
              assert.strictEqual((yield* store.getCursor(threadId, mock))._tag, "Some")
              if (opening === 1) return assert.deepStrictEqual(ended.length, 1)
              // The agent and its session died with the host: what is left is the archive, and the new session has it.
              const next = yield* agents.runTurn({ threadId, prompt: "and now?" })
              assert.strictEqual(next.continuity._tag, "Rehydrated")
              assert.deepStrictEqual((yield* agent.received).map((turn) => turn.input.prompt), ["and now?"])
              assert.include((yield* agent.sessions)[0]?.history[0]?.text, "remember 42")
              const again = yield* Effect.exit(agents.sendTurn({ threadId, turnId: Host.first, prompt: "again" }))
              assert.strictEqual(again._tag, "Failure")
            }).pipe(Effect.provide(Agents.layer({ filename }), { local: true }))
          }
        }),
      60_000
    )
  }

  it.live(
    "P8 store: a second host is told who has the store; when that one is killed it takes over and settles",
    () =>
      Effect.gen(function*() {
        const { directory, filename } = yield* place
        const owner = yield* Host.start(filename, directory, "accepted")
        const refused = yield* Host.start(filename, directory, "accepted")
        assert.deepStrictEqual(yield* Schema.decodeEffect(Line)(refused.line), {
          _tag: "StoreOwned",
          host: yield* ProcessIdentity.HostName,
          pid: owner.pid
        })
        yield* owner.kill
        yield* Effect.gen(function*() {
          const ends = endings(yield* stored())
          assert.deepStrictEqual(ends, { [Host.first]: ["TurnCompleted"], [Host.second]: ["TurnUnknown"] })
        }).pipe(Effect.provide(Agents.layer({ filename }), { local: true }))
      }),
    60_000
  )

  it.live("P4 P5 store: in a turn that the agent began: it is unknown, and is not compared with the agent's history", () =>
    Effect.gen(function*() {
      const { directory, filename } = yield* place
      const host = yield* Host.start(filename, directory, Host.ownTurn)
      assert.deepStrictEqual(yield* Schema.decodeEffect(Line)(host.line), { point: Host.ownTurn })
      yield* host.kill
      const disk = yield* Host.diskIn(directory)
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const next = yield* agents.runTurn({ threadId, prompt: "and on" })
        assert.strictEqual(next.continuity._tag, "Resumed")
        const events = yield* stored()
        const began = events.find(is("TurnBegan"))
        const unknown = events.filter(is("TurnUnknown"))
        assert.deepStrictEqual(unknown.map(({ reason, turnId }) => [turnId, reason]), [[began?.turnId, "host-crash"]])
        assert.deepStrictEqual(events.filter(is("TurnReconciled")), [])
      }).pipe(Effect.provide(Agents.layer({ filename, mock: { disk } })))
    }).pipe(Effect.scoped))
})
