/** P11 of a process that reads the feed of all threads and is killed: the next one goes on where it was. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Path, Stream } from "effect"
import { ProviderService } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"
import * as ChildScript from "../support/ChildScript.ts"
import * as FeedHost from "../support/FeedHost.ts"

describe("streamAllEvents", () => {
  it.live(
    "P11 mock: of a reader whose process is killed again and again, no event is missing and none is twice",
    () =>
      Effect.gen(function*() {
        const directory = yield* Agents.folder
        const path = yield* Path.Path
        const filename = path.join(directory, "threads.db")
        const file = path.join(directory, "seen")
        const args = ["--disable-warning=ExperimentalWarning", FeedHost.script, filename, directory, file]
        let expected = 0
        for (const kill of [1, 2, 17]) {
          yield* Effect.exit(Effect.scoped(ChildScript.start([...args, `${kill}`])))
          expected += kill
          assert.lengthOf(FeedHost.linesOf(file), expected)
        }
        const { line } = yield* Effect.scoped(ChildScript.start(args))
        assert.strictEqual(line, "done")
        const seen = FeedHost.linesOf(file)
        const all = yield* ProviderService.use((agents) =>
          Stream.runCollect(Stream.take(agents.streamAllEvents({}), seen.length))
        ).pipe(Effect.provide(Agents.layer({ filename })))
        assert.deepStrictEqual(seen, all.map(FeedHost.lineOf))
      }).pipe(Effect.provide(Agents.platform)),
    60_000
  )
})
