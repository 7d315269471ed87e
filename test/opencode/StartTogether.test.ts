/** Hosts that start a real OpenCode at the same moment in the same fresh home. */
import { assert, it } from "@effect/vitest"
import { Effect, Path } from "effect"
import * as ChildScript from "../support/ChildScript.ts"
import { platform, workspace } from "../support/OpenCodeServer.ts"

it.live("P15 opencode: two hosts that start a server at once in a fresh home both have one", () =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const host = yield* path.fromFileUrl(new URL("../support/StartHost.ts", import.meta.url))
    for (const round of ["one", "two", "three"]) {
      const folder = path.join(yield* workspace, round)
      const said = yield* Effect.all([ChildScript.start([host, folder]), ChildScript.start([host, folder])], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(said.map(({ line }) => line), ["found 0", "found 0"], round)
    }
  }).pipe(Effect.scoped, Effect.provide(platform)))
