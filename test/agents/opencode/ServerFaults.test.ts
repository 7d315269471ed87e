/** What the whole library makes of an OpenCode server that dies, hangs, or has no space left. */
import { assert, layer } from "@effect/vitest"
import { Effect, Path, Schedule, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { closeSync, openSync, rmSync, writeSync } from "node:fs"
import { ProviderService } from "../../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../../src/testing/index.ts"
import { awaitEvent, endings, is, stored } from "../../support/Agents.ts"
import { bash, folder, hands, history, signal, start } from "../../support/OpenCodeAgents.ts"
import { lastSeq, modelOnly, terminal, withHost } from "../../support/OpenCodeFaults.ts"
import { isAlive } from "../../support/OpenCodeServer.ts"

layer(modelOnly, { timeout: "60 seconds", excludeTestServices: true })("the server", (it) => {
  it.effect(
    "P4 P6 opencode: the server is killed: turns end at once, approvals are settled, the next turn resumes",
    () =>
      withHost(
        {},
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const model = yield* ScriptedModel
          const { pid } = yield* Effect.gen(function*() {
            const working = yield* start()
            const asking = yield* start()
            yield* agents.runTurn({ threadId: working.threadId, prompt: "before the death" })
            yield* model.on("dies working", () => ModelReply.hang)
            yield* model.on("dies asking", bash("echo never"))
            yield* agents.sendTurn({ threadId: working.threadId, prompt: "dies working" })
            yield* agents.sendTurn({ threadId: asking.threadId, prompt: "dies asking" })
            yield* model.awaitRequest(({ lastUserText }) => lastUserText === "dies working")
            const { request } = yield* awaitEvent(is("ApprovalRequested"), asking.threadId)
            const { pid } = yield* hands
            yield* signal(pid, "SIGKILL")
            for (const { threadId } of [working, asking]) {
              const { failure } = yield* awaitEvent(is("TurnFailed"), threadId)
              assert.deepInclude(failure, { _tag: "SessionLost", signal: "SIGKILL" })
              assert.strictEqual((yield* awaitEvent(is("SessionEnded"), threadId)).reason, "lost")
            }
            const answer = {
              threadId: asking.threadId,
              requestId: request.requestId,
              decision: { _tag: "AllowOnce" }
            } as const
            assert.strictEqual((yield* Effect.flip(agents.respondToApproval(answer)))._tag, "RequestSettled")
            const settled = (yield* stored(asking.threadId)).filter(is("ApprovalSettled"))
            assert.deepStrictEqual(settled.map(({ requestId }) => requestId), [request.requestId])
            const [one, two] = yield* Effect.all([
              agents.runTurn({ threadId: working.threadId, prompt: "after the death" }),
              agents.runTurn({ threadId: asking.threadId, prompt: "after the question" })
            ], { concurrency: 2 })
            assert.deepStrictEqual([one.continuity._tag, two.continuity._tag], ["Resumed", "Resumed"])
            assert.deepStrictEqual(history((yield* model.asked("after the death"))[0]).slice(0, 3), [
              "user: before the death",
              "assistant: echo: before the death",
              "user: dies working"
            ])
            assert.deepStrictEqual(Object.values(endings(yield* stored(working.threadId))), [
              ["TurnCompleted"],
              ["TurnFailed"],
              ["TurnCompleted"]
            ])
            // And once more while nothing runs.
            const next = yield* hands
            assert.notStrictEqual(next.pid, pid)
            const seq = yield* lastSeq(working.threadId)
            yield* signal(next.pid, "SIGKILL")
            yield* agents.streamEvents({ threadId: working.threadId, after: seq }).pipe(
              Stream.filter(is("SessionEnded")),
              Stream.runHead
            )
            const idle = yield* agents.runTurn({ threadId: working.threadId, prompt: "after the idle death" })
            assert.strictEqual(idle.continuity._tag, "Resumed")
            assert.include(history((yield* model.asked("after the idle death"))[0]), "assistant: echo: after the death")
            assert.lengthOf(yield* model.asked("dies working"), 1)
            return next
          })
          assert.isFalse(isAlive(pid))
        })
      ),
    120_000
  )

  it.effect("P4 opencode: a server that hangs is given up and replaced; when it wakes it does no harm", () =>
    withHost(
      {
        settings: { noProgressDeadline: "15 seconds", interruptGrace: "1 second", stopTimeout: "1 second" },
        agent: {
          callDeadline: "10 seconds",
          silence: "5 seconds",
          reconnect: Schedule.recurs(0),
          stopDeadline: "1 second"
        }
      },
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* ScriptedModel
        const { threadId } = yield* start()
        const other = yield* start()
        yield* agents.runTurn({ threadId, prompt: "before the sleep" })
        yield* model.on("sleeps", () => ModelReply.hang)
        yield* agents.sendTurn({ threadId, prompt: "sleeps" })
        yield* model.awaitRequest(({ lastUserText }) => lastUserText === "sleeps")
        const seq = yield* lastSeq(threadId)
        const { pid } = yield* hands
        yield* signal(pid, "SIGSTOP")
        const error = yield* Effect.flip(agents.sendTurn({ threadId: other.threadId, prompt: "into the sleep" }))
        assert.include(["DeliveryUncertain", "AgentUnreachable"], error._tag)
        assert.strictEqual((yield* terminal(threadId, seq))._tag, "TurnFailed")
        yield* awaitEvent(is("SessionEnded"), threadId)
        const next = yield* agents.runTurn({ threadId, prompt: "after the sleep" }).pipe(
          Effect.retry({
            while: (error) => error._tag === "AgentUnreachable",
            schedule: Schedule.spaced("500 millis"),
            times: 60
          })
        )
        assert.strictEqual(next.continuity._tag, "Resumed")
        assert.strictEqual(history((yield* model.asked("after the sleep"))[0])[0], "user: before the sleep")
        assert.notStrictEqual((yield* hands).pid, pid)
        yield* signal(pid, "SIGCONT")
        assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "after it woke" })).text, "echo: after it woke")
        assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [
          ["TurnCompleted"],
          ["TurnFailed"],
          ["TurnCompleted"],
          ["TurnCompleted"]
        ])
        assert.lengthOf(yield* model.asked("sleeps"), 1)
      })
    ), 120_000)

  const disk = mountable()
  it.effect.skipIf(disk === undefined)(
    `P4 opencode: a full disk under the server is a typed error or end, and passes${
      disk === undefined ? " (skipped: mounting a tmpfs is not permitted here)" : ""
    }`,
    () =>
      Effect.gen(function*() {
        const path = yield* Path.Path
        const home = yield* smallDisk
        const filler = path.join(home, "filler")
        yield* withHost(
          {
            settings: { noProgressDeadline: "20 seconds", interruptGrace: "2 seconds", stopTimeout: "3 seconds" },
            agent: { isolated: { folder: path.join(home, "opencode") }, callDeadline: "10 seconds" }
          },
          Effect.gen(function*() {
            const agents = yield* ProviderService
            const model = yield* ScriptedModel
            const { threadId } = yield* start()
            yield* agents.runTurn({ threadId, prompt: "while there is space" })
            const seq = yield* lastSeq(threadId)
            yield* Effect.sync(() => fill(filler))
            const exit = yield* agents.sendTurn({ threadId, prompt: `no space ${"x".repeat(100_000)}` }).pipe(
              Effect.matchEffect({
                onFailure: (error) => Effect.succeed(error._tag),
                onSuccess: () => Effect.map(terminal(threadId, seq), ({ _tag }) => _tag)
              })
            )
            assert.include(
              ["TurnFailed", "TurnRefused", "DeliveryUncertain", "AgentProtocolError", "AgentUnreachable"],
              exit
            )
            yield* Effect.sync(() => rmSync(filler))
            const next = yield* agents.runTurn({ threadId, prompt: "there is space again" })
            // Whether the server survived is the disk's affair; the conversation does.
            assert.strictEqual(next.continuity._tag, next.epoch === 1 ? "Created" : "Resumed")
            assert.strictEqual(
              history((yield* model.asked("there is space again"))[0])[0],
              "user: while there is space"
            )
            for (const ends of Object.values(endings(yield* stored(threadId)))) assert.lengthOf(ends, 1)
          })
        )
      }),
    120_000
  )
})

/** A disk of its own, if this user may have one. */
function mountable() {
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"], { stdio: "ignore" })
    return true
  } catch {
    return undefined
  }
}

const smallDisk = Effect.gen(function*() {
  const disk = yield* folder
  yield* Effect.acquireRelease(
    Effect.sync(() => execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "none", disk])),
    () => Effect.sync(() => execFileSync("umount", ["-l", disk]))
  )
  return disk
})

/** Writes until there is no space left. */
const fill = (file: string) => {
  const handle = openSync(file, "w")
  const block = Buffer.alloc(4096, 1)
  try {
    while (true) writeSync(handle, block)
  } catch {
    closeSync(handle)
  }
}
