/** Restores that do not come to their end: by kill -9, and by a store that refuses. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { ProviderService, TranscriptArchive } from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as FaultyStore from "../support/FaultyStore.ts"
import * as RestoreHost from "../support/RestoreHost.ts"
import * as SetupHost from "../support/SetupHost.ts"

const { is, stored, threadId } = Agents
const { copy, prompts } = RestoreHost

/** The thread is whole: every turn once, and its model has them. */
const whole = Effect.gen(function*() {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  assert.deepStrictEqual(
    (yield* agents.readTranscript({ threadId: copy })).map((turn) => turn.input?.prompt),
    Array.from(prompts)
  )
  yield* agents.runTurn({ threadId: copy, prompt: "what was it?" })
  const { sessionId } = yield* agents.getThread({ threadId: copy })
  const session = (yield* agent.sessions).find((session) => session.sessionId === sessionId)
  for (const prompt of prompts) assert.include(session?.history.map(({ text }) => text).join(), prompt)
  const events = yield* stored(copy)
  assert.deepStrictEqual(events.map(({ seq }) => seq), events.map((_, n) => n + 1))
  assert.lengthOf(events.filter(is("TurnRestored")), prompts.length)
})

describe("a restore that does not come to its end", () => {
  for (const point of RestoreHost.points) {
    it.live(
      `P1 P13 store: kill -9, ${point}: the thread is not there or whole, and the snapshot is restored by the next host`,
      () =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
          const filename = path.join(directory, "store.db")
          const host = yield* RestoreHost.start(filename, directory, point)
          assert.strictEqual(host.line, point)
          yield* host.kill
          yield* Effect.gen(function*() {
            const agents = yield* ProviderService
            const archive = yield* TranscriptArchive
            const [saved] = yield* archive.list({ threadId })
            const snapshot = { snapshotId: saved?.snapshot.snapshotId ?? "" }
            yield* archive.verify(snapshot)
            assert.deepStrictEqual(
              (yield* agents.readTranscript({ threadId })).map((turn) => turn.input?.prompt),
              Array.from(prompts)
            )
            if (point === "started") {
              assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId: copy })))._tag, "ThreadNotFound")
              yield* archive.restore({ snapshot, threadId: copy })
            } else {
              const again = yield* Effect.flip(archive.restore({ snapshot, threadId: copy }))
              assert.strictEqual(again._tag, "ThreadExists")
            }
            yield* whole
          }).pipe(Effect.provide(Agents.layer({ filename, mock: { disk: yield* SetupHost.diskIn(directory) } })))
        }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
      60_000
    )
  }

  it.effect("P1 P10 store: a store that refuses leaves neither a thread nor a session, and the next restore is whole", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const archive = yield* TranscriptArchive
      const store = yield* FaultyStore.FaultyStore
      yield* Agents.start()
      for (const prompt of prompts) yield* agents.runTurn({ threadId, prompt })
      const { snapshotId } = yield* archive.snapshot({ threadId })
      const live = Effect.map(agent.sessions, (sessions) => sessions.filter((session) => session.live).length)
      yield* store.fail("open an epoch")
      const refused = yield* Effect.flip(archive.restore({ snapshot: { snapshotId }, threadId: copy }))
      assert.strictEqual(refused._tag, "StoreFailed")
      assert.strictEqual(yield* live, 1)
      assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId: copy })))._tag, "ThreadNotFound")
      yield* store.heal
      yield* archive.restore({ snapshot: { snapshotId }, threadId: copy })
      yield* whole
    }).pipe(Effect.provide(FaultyStore.layer())))
})
