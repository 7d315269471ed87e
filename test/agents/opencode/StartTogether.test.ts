/** Hosts that start a real OpenCode at the same moment in the same fresh home. */
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import * as ChildScript from "../../support/ChildScript.ts"
import { platform, workspace } from "../../support/OpenCodeServer.ts"

const startTogether = Effect.fnUntraced(function*(whose: "isolated" | "own", rounds: ReadonlyArray<string>) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const host = yield* path.fromFileUrl(new URL("../../support/StartHost.ts", import.meta.url))
  const homes: Array<string> = []
  for (const round of rounds) {
    const folder = path.join(yield* workspace, round)
    yield* fs.makeDirectory(folder)
    const said = yield* Effect.all([
      ChildScript.start([host, folder, whose]),
      ChildScript.start([host, folder, whose])
    ], { concurrency: "unbounded" })
    assert.deepStrictEqual(said.map(({ line }) => line), ["found 0", "found 0"], round)
    homes.push(folder)
  }
  return homes
})

it.live("P15 opencode: two hosts that start a server at once in a fresh home both have one", () =>
  startTogether("isolated", ["one", "two", "three"]).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P15 opencode: two hosts that start a server at once for a user who never ran OpenCode both have one, and leave nothing of ours", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    for (const home of yield* startTogether("own", ["one"])) {
      const left = yield* fs.readDirectory(home, { recursive: true })
      assert.deepStrictEqual(left.filter((name) => /\.lock$|effect-coding-agents/.test(name)), [])
      assert.include(left, ".local/share/opencode/opencode.db")
    }
  }).pipe(Effect.scoped, Effect.provide(platform)))
