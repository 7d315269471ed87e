/** Agents here are scripts of /bin/sh; what they do is awaited by what they print. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Option, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AgentProcess } from "../../src/adapter/index.ts"
import { InstanceId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"

const instanceId = InstanceId.make("sh")

/** One that has ended and was not reaped yet, because its parent was killed too, does not live. */
const isAlive = (pid: number) => Effect.map(ProcessIdentity.startTime(pid), Option.isSome)

/** Records in memory, in order, when a process was recorded and when its record went, and whether it then lived. */
const recording = () => {
  const log: Array<readonly [what: string, pid: number, alive: boolean]> = []
  const note = (what: string, pid: number) => Effect.map(isAlive(pid), (alive) => void log.push([what, pid, alive]))
  const layer = Layer.succeed(AgentProcesses, {
    record: () => {
      let noted = 0
      return Effect.as(
        Effect.acquireRelease(note("recorded", noted), () => note("gone", noted)),
        {
          marker: "marked",
          spawned: (pid) => Effect.andThen(Effect.sync(() => void (noted = pid)), note("spawned", pid))
        }
      )
    },
    recordFolder: () => Effect.void
  })
  return { log, layer: Layer.merge(NodeServices.layer, layer) }
}

const shell = (script: string, options: Partial<AgentProcess.Options> = {}) =>
  AgentProcess.spawn({ instanceId, executable: "/bin/sh", args: ["-c", script], stopDeadline: "1 second", ...options })

it.live("P10 adapter: an agent is recorded before there is one, and its record goes after it", () => {
  const { layer, log } = recording()
  return Effect.gen(function*() {
    const scope = yield* Scope.make()
    const agent = yield* Scope.provide(shell("echo ready; exec sleep 600", { stdout: "log" }), scope)
    yield* agent.said(/ready/)
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(log, [
      ["recorded", 0, false],
      ["spawned", agent.pid, true],
      ["gone", agent.pid, false]
    ])
    assert.deepStrictEqual(yield* agent.exit, { signal: "SIGTERM" })
  }).pipe(Effect.provide(layer))
})

it.live("P10 adapter: an agent that ignores SIGTERM is killed at the deadline, with its children", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const agent = yield* Scope.provide(
      shell("trap '' TERM; sleep 600 & echo \"child=$!;\"; while :; do wait; done", {
        stdout: "log",
        stopDeadline: "200 millis"
      }),
      scope
    )
    const [, child] = yield* agent.said(/child=(\d+);/)
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(yield* agent.exit, { signal: "SIGKILL" })
    assert.deepStrictEqual(yield* Effect.forEach([agent.pid, Number(child)], isAlive), [false, false])
  }).pipe(Effect.provide(recording().layer)))

it.live("P10 adapter: an agent is asked to end before it is signalled, within the deadline", () =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    const scope = yield* Scope.make()
    const end = yield* Deferred.make<void>()
    const agent = yield* Scope.provide(
      shell("read line; exit 7", {
        // It never answers, and so takes the whole deadline.
        beforeStop: Effect.sync(() => asked.push("asked")).pipe(
          Effect.andThen(Deferred.succeed(end, undefined)),
          Effect.andThen(Effect.never)
        ),
        stopDeadline: "500 millis"
      }),
      scope
    )
    yield* Deferred.await(end).pipe(
      Effect.andThen(Stream.run(Stream.make(new TextEncoder().encode("end\n")), agent.stdin)),
      Effect.forkScoped
    )
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual([asked, yield* agent.exit], [["asked"], { exitCode: 7 }])
  }).pipe(Effect.scoped, Effect.provide(recording().layer)))

it.live("P10 adapter: an agent whose owner is interrupted ends, and one that has ended is not asked", () =>
  Effect.gen(function*() {
    const asked: Array<number> = []
    const started = yield* Deferred.make<number>()
    const owner = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
      const agent = yield* shell("exec sleep 600")
      yield* Deferred.succeed(started, agent.pid)
      return yield* Effect.never
    })))
    const pid = yield* Deferred.await(started)
    yield* Fiber.interrupt(owner)
    assert.isFalse(yield* isAlive(pid))
    yield* Effect.scoped(Effect.flatMap(
      shell("exit 0", { beforeStop: Effect.sync(() => asked.push(1)) }),
      ({ exit }) => exit
    ))
    assert.deepStrictEqual(asked, [])
  }).pipe(Effect.provide(recording().layer)))

it.live("P4 adapter: an exit says its code or its signal, also by kill -9 from outside", () =>
  Effect.gen(function*() {
    const [coded, killed] = yield* Effect.all([shell("exit 3"), shell("exec sleep 600")], { concurrency: 2 })
    process.kill(killed.pid, "SIGKILL")
    assert.deepStrictEqual(yield* coded.exit, { exitCode: 3 })
    assert.deepStrictEqual(yield* AgentProcess.exitSoon(killed.exit), { signal: "SIGKILL" })
  }).pipe(Effect.scoped, Effect.provide(recording().layer)))

it.effect("P4 adapter: of a process that has not ended nothing is known, and that is answered in time", () =>
  Effect.gen(function*() {
    const answer = yield* Effect.forkChild(AgentProcess.exitSoon(Effect.never))
    yield* Effect.yieldNow
    yield* TestClock.adjust("1 second")
    assert.isUndefined(yield* Fiber.join(answer))
  }))

it.live("P14 adapter: an agent has the variables of its list, the marker, and no other", () => {
  process.env["ADAPTER_TEST_SECRET"] = "ours"
  return Effect.gen(function*() {
    const agent = yield* shell("env", { variables: { GIVEN: "yes", REMOVED: undefined } })
    const text = yield* Stream.mkString(Stream.decodeText(agent.stdout))
    const names = text.split("\n").flatMap((line) => line === "" ? [] : [line.split("=")[0] ?? ""])
    assert.includeMembers(names, ["GIVEN", "EFFECT_CODING_AGENTS_PROCESS"])
    for (const name of ["ADAPTER_TEST_SECRET", "REMOVED", "HOME"]) assert.notInclude(names, name)
  }).pipe(
    Effect.scoped,
    Effect.provide(recording().layer),
    Effect.ensuring(Effect.sync(() => delete process.env["ADAPTER_TEST_SECRET"]))
  )
})

it.live("P14 adapter: an exit before the agent is ready is AgentStartFailed with its last words, redacted", () =>
  Effect.gen(function*() {
    const redact = (text: string) => text.replaceAll("hunter2", "<redacted>")
    const agent = yield* shell("echo 'the password is hunter2' >&2; exit 4", { redact })
    const error = yield* Effect.flip(AgentProcess.awaitReady(agent, Effect.never, "10 seconds"))
    assert.deepInclude(error, {
      _tag: "AgentStartFailed",
      reason: "exited",
      exitCode: 4,
      stderr: "the password is <redacted>\n"
    })
  }).pipe(Effect.scoped, Effect.provide(recording().layer)))

it.live("adapter: endless words on stderr are read, and only the last of them kept", () =>
  Effect.gen(function*() {
    const agent = yield* shell(
      "i=0; while [ $i -lt 2000 ]; do echo '0123456789012345678901234567890123456789' >&2; i=$((i+1)); done; echo last >&2"
    )
    assert.deepStrictEqual(yield* agent.exit, { exitCode: 0 })
    yield* agent.drained
    const tail = yield* agent.tail
    assert.strictEqual(tail.length, 8192)
    assert.isTrue(tail.endsWith("\nlast\n"))
  }).pipe(Effect.scoped, Effect.provide(recording().layer)))

it.live("adapter: an executable that has gone is AgentNotFound, one that cannot run AgentNotExecutable", () =>
  Effect.gen(function*() {
    const gone = yield* Effect.flip(AgentProcess.spawn({ instanceId, executable: "/no/such/agent" }))
    assert.deepInclude(gone, { _tag: "AgentNotFound", searched: ["/no/such/agent"] })
    const fs = yield* FileSystem.FileSystem
    const plain = yield* fs.makeTempFileScoped()
    const refused = yield* Effect.flip(AgentProcess.spawn({ instanceId, executable: plain }))
    assert.deepInclude(refused, { _tag: "AgentNotExecutable", path: plain, code: "EACCES" })
  }).pipe(Effect.scoped, Effect.provide(recording().layer)))
