import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, FileSystem, Layer, Path, Queue, Scope } from "effect"
import * as Binary from "../../../src/opencode/server/Binary.ts"
import * as Connections from "../../../src/opencode/server/Connections.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import { instanceId, isAlive, platform, workspace } from "../../support/OpenCodeServer.ts"
import { installed } from "../../support/Versions.ts"

const options = { instanceId, isolated: true, stopDeadline: "3 seconds" } as const

/** The pids of all servers started, in order. */
const recorded = () => {
  const pids: Array<number> = []
  const processes = Layer.succeed(AgentProcesses, {
    record: () => Effect.succeed({ marker: "marker", spawned: (pid) => Effect.sync(() => void pids.push(pid)) }),
    recordFolder: () => Effect.void
  })
  return { pids, layer: Layer.merge(platform, processes) }
}

it.live(
  "P10 opencode: sessions share one server, started at first use, replaced when dead, ended after the last",
  () => {
    const { layer, pids } = recorded()
    return Effect.gen(function*() {
      const { get } = yield* Connections.make({ ...options, idleTimeToLive: "50 millis" })
      assert.deepStrictEqual(pids, [])
      const scope = yield* Scope.make()
      const [one, two] = yield* Effect.all([get, get], { concurrency: 2 }).pipe(Scope.provide(scope))
      assert.strictEqual(one, two)
      assert.lengthOf(pids, 1)
      assert.deepInclude(one, { managed: true, version: installed })

      const frames = yield* one.subscribe("ses_any").pipe(Scope.provide(scope))
      process.kill(pids[0] ?? 0, "SIGKILL")
      yield* Effect.flip(Queue.take(frames))
      const [three, four] = yield* Effect.all([get, get], { concurrency: 2 }).pipe(Scope.provide(scope))
      assert.strictEqual(three, four)
      assert.notStrictEqual(three, one)
      assert.lengthOf(pids, 2)

      const ended = yield* Deferred.make<void>()
      yield* three.subscribe("ses_any").pipe(
        Effect.flatMap((frames) => Effect.flip(Queue.take(frames))),
        Effect.andThen(Deferred.succeed(ended, undefined)),
        Effect.forkChild({ startImmediately: true })
      )
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(ended)
    }).pipe(
      Effect.scoped,
      Effect.andThen(Effect.sync(() => assert.deepStrictEqual(pids.filter(isAlive), []))),
      Effect.provide(layer)
    )
  },
  60_000
)

it.live("opencode: a start that failed is tried again by the next caller", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const binary = path.join(yield* workspace, "opencode")
    const { get } = yield* Connections.make({ ...options, binary })
    assert.deepInclude(yield* Effect.flip(get), { _tag: "AgentNotFound" })
    yield* fs.symlink(yield* Binary.find({ instanceId, path: "" }), binary)
    assert.strictEqual((yield* get).version, installed)
  }).pipe(Effect.provide(platform)), 60_000)
