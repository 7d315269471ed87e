/** Hosts that are killed for real, and what the next one makes of it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Option, Schema, Scope, Struct } from "effect"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses, markerVariable } from "../../src/process/AgentProcesses.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as ChildScript from "../support/ChildScript.ts"
import { allEvents, instanceId, temporaryFile, threadId, turn, withStore } from "../support/StoreFixture.ts"

const script = fileURLToPath(new URL("../support/StoreHost.ts", import.meta.url))

const host = (filename: string, scenario: string) =>
  ChildScript.start(["--disable-warning=ExperimentalWarning", script, filename, scenario])

const runs = (pid: number) => Effect.map(ProcessIdentity.startTime(pid), Option.isSome)

describe("SessionStore: a killed host", () => {
  it.live("P8 store: a living host keeps the store, a killed one is succeeded", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const owner = yield* host(filename, "turns")
      const error = yield* Effect.flip(withStore(filename, Effect.void))
      assert.deepInclude(error, { _tag: "StoreOwned", pid: owner.pid })
      yield* owner.kill
      yield* withStore(filename, Effect.void)
    }))

  it.live("P4 P6 store: what a killed host left open is settled at the next opening, once", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const owner = yield* host(filename, "turns")
      yield* owner.kill
      const other = ThreadId.make("thread-2")
      for (let times = 0; times < 2; times++) {
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const store = yield* SessionStore
            const events = yield* allEvents()
            const seen = events.slice(6).map((event) => Struct.omit(event, ["at", "epoch", "threadId", "position"]))
            // Nobody saw the end; the last thing that was recorded is as near to it as one can get.
            const endedAt = events[5]?.at
            const turnId = turn("accepted")
            assert.deepStrictEqual<ReadonlyArray<unknown>>(seen, [
              { _tag: "ApprovalSettled", turnId, requestId: "open", by: "host-crash", seq: 7 },
              { _tag: "QuestionSettled", turnId, requestId: "question", by: "host-crash", seq: 8 },
              { _tag: "TurnUnknown", turnId, reason: "host-crash", seq: 9 },
              { _tag: "SessionEnded", reason: "host-crash", endedAt, seq: 10 }
            ])
            const tags = (yield* allEvents(other)).map((event) => event._tag)
            assert.deepStrictEqual(tags, ["SessionStarted", "TurnStarted", "TurnUnknown", "SessionEnded"])
            for (const id of [threadId, other]) {
              const found = Option.getOrThrow(yield* store.getThread(id))
              assert.strictEqual(found.status, "stopped")
              assert.strictEqual(found.lastSeq, (yield* allEvents(id)).length)
            }
            assert.deepStrictEqual((yield* store.unreconciledTurns(other)).map(({ ref, turnId }) => [turnId, ref]), [
              [turn("intent"), "msg_1"]
            ])
          })
        )
      }
    }))
})

const Unnoted = Schema.fromJsonString(Schema.Struct({ agent: Schema.Int, folder: Schema.String }))
const Left = Schema.fromJsonString(Schema.Struct({ agent: Schema.Int, tool: Schema.Int }))

// Elsewhere neither children nor environments of processes can be read.
describe.runIf(process.platform === "linux")("AgentProcesses", () => {
  it.live(
    "P10 store: the agent of a killed host and its tools are ended at the next opening, and only they",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        const owner = yield* host(filename, "agent")
        const left = yield* Schema.decodeEffect(Left)(owner.line)
        const bystander = yield* ChildScript.idle({ [markerVariable]: "of-somebody-else" })
        yield* owner.kill
        assert.deepStrictEqual([yield* runs(left.agent), yield* runs(left.tool)], [true, true])
        // A record whose process id has meanwhile been given to the bystander.
        const { boot, host: name } = yield* ProcessIdentity.here
        const db = new DatabaseSync(filename)
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectory()
        db.prepare("INSERT INTO eca_processes VALUES ('old', 'acme-1', ?, ?, ?, '1')").run(name, boot, bystander.pid)
        db.prepare("INSERT INTO eca_folders VALUES (?, ?)").run(folder, name)
        db.close()
        yield* withStore(filename, Effect.void)
        assert.isFalse(yield* fs.exists(folder))
        assert.deepStrictEqual([yield* runs(left.agent), yield* runs(left.tool)], [false, false])
        assert.isTrue(yield* runs(bystander.pid))
      }).pipe(Effect.provide(NodeServices.layer)),
    30_000
  )

  it.live(
    "P10 store: an agent whose host was killed before it could note the process is ended at the next opening",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        const owner = yield* host(filename, "unnoted")
        const { agent, folder } = yield* Schema.decodeEffect(Unnoted)(owner.line)
        yield* owner.kill
        const fs = yield* FileSystem.FileSystem
        assert.deepStrictEqual([yield* runs(agent), yield* fs.exists(folder)], [true, true])
        yield* withStore(filename, Effect.void)
        assert.deepStrictEqual([yield* runs(agent), yield* fs.exists(folder)], [false, false])
      }).pipe(Effect.provide(NodeServices.layer)),
    30_000
  )

  it.live(
    "P10 store: closing a process's scope ends the tools that it left, and forgets it",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const processes = yield* AgentProcesses
            const scope = yield* Scope.make()
            const { marker, spawned } = yield* Scope.provide(processes.record(instanceId), scope)
            const agent = yield* ChildScript.idle({ [markerVariable]: marker })
            const tool = yield* ChildScript.idle({ [markerVariable]: marker })
            const bystander = yield* ChildScript.idle({ [markerVariable]: "of-somebody-else" })
            yield* spawned(agent.pid)
            yield* agent.kill
            yield* Scope.close(scope, Exit.void)
            assert.isFalse(yield* runs(tool.pid))
            assert.isTrue(yield* runs(bystander.pid))
          })
        )
        const db = new DatabaseSync(filename)
        assert.deepStrictEqual(db.prepare("SELECT * FROM eca_processes").all(), [])
        db.close()
      }),
    30_000
  )
})
