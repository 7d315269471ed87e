/** Agents that misbehave, as real processes: what they do is typed, bounded in memory and time, and leaves no orphan. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Option, Schedule, Scope, Stream } from "effect"
import { AgentProcess } from "../../src/adapter/index.ts"
import { InstanceId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import * as ProcessTable from "../../src/process/ProcessTable.ts"
import { held } from "../support/Heap.ts"

const instanceId = InstanceId.make("faulty")
const onLinux = it.live.skipIf(!ProcessIdentity.isLinux)

const isAlive = (pid: number) => Effect.map(ProcessIdentity.startTime(pid), Option.isSome)

/** Ends what carries the marker, as a store does. */
const platform = Layer.merge(
  NodeServices.layer,
  Layer.sync(AgentProcesses, () => {
    let last = 0
    return {
      record: () =>
        Effect.suspend(() => {
          const target = { pid: 0, startTime: "", marker: `faults-${process.pid}-${++last}` }
          return Effect.as(Effect.addFinalizer(() => ProcessTable.end([target])), {
            marker: target.marker,
            spawned: (pid) =>
              Effect.map(ProcessIdentity.startTime(pid), (startTime) => {
                Object.assign(target, { pid, startTime: Option.getOrElse(startTime, () => "") })
              })
          })
        }),
      recordFolder: () => Effect.void
    }
  })
)

const agentOf = (executable: string, flag: string) => (script: string, options: Partial<AgentProcess.Options> = {}) =>
  AgentProcess.spawn({
    instanceId,
    executable,
    args: [flag, script],
    variables: { PATH: process.env["PATH"] },
    stopDeadline: "200 millis",
    ...options
  })
const shell = agentOf("/bin/sh", "-c")
const node = agentOf(process.execPath, "-e")

/** Closes the Scope and answers how many milliseconds that took. */
const close = (scope: Scope.Closeable) =>
  Effect.map(Effect.timed(Scope.close(scope, Exit.void)), ([took]) => Duration.toMillis(took))

const bytes = (count: number) =>
  Stream.fromIterable(Array.from({ length: count / 65_536 }, () => new Uint8Array(65_536)))

it.live("P10 adapter: an agent that heeds the end of its stdin is not signalled, and may take its time to end", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const agent = yield* Scope.provide(
      shell("cat >/dev/null; sleep 0.4; exit 5", { inputDeadline: "30 seconds" }),
      scope
    )
    assert.isBelow(yield* close(scope), 20_000)
    assert.deepStrictEqual(yield* agent.exit, { exitCode: 5 })
  }).pipe(Effect.provide(platform)))

it.live("P10 adapter: what an agent leaves in its group ends with the Scope, also when the agent ended long before", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const agent = yield* Scope.provide(
      shell("trap '' TERM; sleep 600 & echo \"child=$!;\"; exit 0", { stdout: "log" }),
      scope
    )
    const [, child] = yield* agent.said(/child=(\d+);/)
    // The child holds stdout and stderr open.
    assert.deepStrictEqual(yield* agent.exit, { exitCode: 0 })
    assert.isTrue(yield* isAlive(Number(child)))
    assert.isBelow(yield* close(scope), 10_000)
    assert.isFalse(yield* isAlive(Number(child)))
  }).pipe(Effect.provide(platform)))

onLinux(
  "P10 adapter: a grandchild that left the group and ignores SIGTERM ends with the Scope, by its marker",
  () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const agent = yield* Scope.provide(
        shell("setsid sh -c 'trap \"\" TERM; echo \"escaped=$$;\"; while :; do sleep 1; done' & exec sleep 600", {
          stdout: "log"
        }),
        scope
      )
      const [, escaped] = yield* agent.said(/escaped=(\d+);/)
      assert.isBelow(yield* close(scope), 20_000)
      assert.deepStrictEqual(yield* Effect.forEach([agent.pid, Number(escaped)], isAlive), [false, false])
    }).pipe(Effect.provide(platform))
)

onLinux("P10 adapter: a zombie in the agent's group is not waited for", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    // A process outside of the group is the zombie's parent and never reaps it.
    const agent = yield* Scope.provide(
      shell("(sleep 0 & echo \"zombie=$!;\"; exec setsid sleep 600) & exec cat", {
        stdout: "log",
        stopDeadline: "30 seconds"
      }),
      scope
    )
    const [, zombie] = yield* agent.said(/zombie=(\d+);/)
    yield* Effect.repeat(ProcessIdentity.readStat(Number(zombie)), {
      until: Option.match({ onNone: () => false, onSome: ({ ended }) => ended }),
      schedule: Schedule.spaced("5 millis")
    })
    assert.isBelow(yield* close(scope), 15_000)
    assert.deepStrictEqual(yield* agent.exit, { exitCode: 0 })
  }).pipe(Effect.provide(platform)))

it.live("P10 adapter: an agent that closes stdout and lives on ends with the Scope; until then it has no exit", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const agent = yield* Scope.provide(shell("exec >&-; trap '' TERM; while :; do sleep 1; done"), scope)
    assert.deepStrictEqual(yield* Stream.runCollect(agent.stdout), [])
    assert.isUndefined(yield* AgentProcess.exitSoon(agent.exit))
    assert.isTrue(yield* isAlive(agent.pid))
    assert.isBelow(yield* close(scope), 10_000)
    assert.deepStrictEqual(yield* agent.exit, { signal: "SIGKILL" })
  }).pipe(Effect.provide(platform)))

it.live("P10 adapter: one that never says that it is ready fails at the deadline", () =>
  Effect.gen(function*() {
    const agent = yield* shell("echo 'loading' >&2; exec sleep 600")
    const ready = AgentProcess.awaitReady(agent, agent.said(/ready/), "500 millis")
    assert.deepInclude(yield* Effect.flip(ready), {
      _tag: "AgentStartFailed",
      reason: "deadline",
      stderr: "loading\n"
    })
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P10 adapter: one that dies before it is ready fails with its signal and last words, whatever still holds stderr", () =>
  Effect.gen(function*() {
    const agent = yield* shell("sleep 600 & echo 'out of memory' >&2; kill -9 $$", { stdout: "log" })
    const error = yield* Effect.flip(AgentProcess.awaitReady(agent, agent.said(/ready/), "30 seconds"))
    assert.deepInclude(error, {
      _tag: "AgentStartFailed",
      reason: "exited",
      signal: "SIGKILL",
      stderr: "out of memory\n"
    })
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("adapter: a ready line is found although much follows it at once", () =>
  Effect.gen(function*() {
    const agent = yield* node("process.stdout.write('ready\\n' + 'x'.repeat(60_000)); setInterval(() => {}, 1000)", {
      stdout: "log"
    })
    yield* AgentProcess.awaitReady(agent, agent.said(/ready\n/), "30 seconds")
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P11 adapter: 100 MB on stderr are read to the end and cost no memory", () =>
  Effect.gen(function*() {
    const agent = yield* shell("head -c 100000000 /dev/zero | tr '\\0' x >&2; echo last >&2")
    let peak = 0
    const sampling = yield* Effect.sync(() => peak = Math.max(peak, held())).pipe(
      Effect.repeat(Schedule.spaced("20 millis")),
      Effect.forkChild
    )
    const before = held()
    assert.deepStrictEqual(yield* agent.exit, { exitCode: 0 })
    yield* agent.drained
    yield* Fiber.interrupt(sampling)
    const tail = yield* agent.tail
    assert.deepStrictEqual([tail.length, tail.slice(-7)], [8192, "xxlast\n"])
    assert.isBelow(peak - before, 60_000_000)
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P14 adapter: of a secret whose beginning is no longer kept no part is shown", () =>
  Effect.gen(function*() {
    const secret = "0123456789abcdef".repeat(10)
    const agent = yield* node(`process.stderr.write(${JSON.stringify(secret)}.repeat(1000) + 'last')`, {
      redact: (text) => text.replaceAll(secret, "*")
    })
    yield* agent.drained
    assert.match(yield* agent.tail, /^\*+last$/)
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("adapter: an agent that ends while it is written to is a typed failure of the writing", () =>
  Effect.gen(function*() {
    const agent = yield* shell("head -c 10 >/dev/null")
    const error = yield* Effect.flip(Stream.run(bytes(16_777_216), agent.stdin))
    assert.strictEqual(error._tag, "PlatformError")
    assert.deepStrictEqual(yield* agent.exit, { exitCode: 0 })
    // And so is writing afterwards.
    assert.strictEqual((yield* Effect.flip(Stream.run(bytes(65_536), agent.stdin)))._tag, "PlatformError")
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P10 adapter: an agent that does not read what it is written ends with the Scope all the same", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const agent = yield* Scope.provide(shell("exec sleep 600"), scope)
    const writing = yield* Effect.forkChild(Effect.exit(Stream.run(bytes(16_777_216), agent.stdin)))
    assert.isBelow(yield* close(scope), 10_000)
    assert.isTrue(Exit.isFailure(yield* Fiber.join(writing)))
    assert.deepStrictEqual(yield* agent.exit, { signal: "SIGTERM" })
  }).pipe(Effect.provide(platform)))
