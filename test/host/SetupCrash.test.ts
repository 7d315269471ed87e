/** Hosts that are killed for real while a session with a setup is being started, and what the next one makes of it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { ProviderService } from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as SetupHost from "../support/SetupHost.ts"

const { endings, is, stored, threadId } = Agents
const { first, second } = SetupHost

/** Killed with a session bound to the thread: only then was there one that a crash ended. */
const recovers = (point: SetupHost.Point) => point === "bound"

describe("a host that is killed while a session is set up", () => {
  for (const point of SetupHost.points) {
    it.live(
      `P5 P14 store: ${point}: nothing twice, nothing lost, and no secret on the disk`,
      () =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
          const filename = path.join(directory, "store.db")
          const noSecret = Effect.gen(function*() {
            for (const name of yield* fs.readDirectory(directory)) {
              const file = path.join(directory, name)
              if ((yield* fs.stat(file)).type !== "File") continue
              const text = new TextDecoder("latin1").decode(yield* fs.readFile(file))
              for (const epoch of [1, 2, 3]) assert.notInclude(text, SetupHost.secretOf(epoch), name)
            }
          })
          const host = yield* SetupHost.start(filename, directory, point)
          assert.strictEqual(host.line, point)
          yield* host.kill
          yield* noSecret
          // What the killed host had acquired is released by nothing of ours.
          assert.deepStrictEqual(SetupHost.notes(directory), ["start 1", "over 1", "turn 2"])
          const next = recovers(point) ? 3 : 2
          yield* Effect.gen(function*() {
            const agents = yield* ProviderService
            const agent = yield* MockProvider
            const { continuity } = yield* agents.runTurn({ threadId, turnId: second, prompt: "what was it?" })
            assert.strictEqual(continuity._tag, "Resumed")
            const events = yield* stored()
            assert.deepStrictEqual(events.map(({ seq }) => seq), events.map((_, n) => n + 1))
            assert.deepStrictEqual(endings(events), { [first]: ["TurnCompleted"], [second]: ["TurnCompleted"] })
            assert.deepStrictEqual(
              events.filter(is("SessionStarted")).map(({ epoch }) => epoch),
              recovers(point) ? [1, 2, 3] : [1, 2]
            )
            assert.deepStrictEqual((yield* agent.received).map(({ input }) => input.prompt), [
              "remember 42",
              "what was it?"
            ])
          }).pipe(
            Effect.provide(
              Agents.layer({
                filename,
                mock: { disk: yield* SetupHost.diskIn(directory) },
                hooks: [SetupHost.hook(directory)]
              })
            )
          )
          assert.deepStrictEqual(SetupHost.notes(directory).slice(3), [
            `${recovers(point) ? "recover" : "turn"} ${next}`,
            `over ${next}`
          ])
          yield* noSecret
        }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
      60_000
    )
  }
})
