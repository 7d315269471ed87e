/** What Grok's profile promises before a process is started. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { Acp, Grok } from "../../src/acp/index.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"

describe("Grok's profile", () => {
  it.effect("P7 grok: in the user's own home it has no mode but full-access, and refuses others", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(Acp.capabilities(Grok.profile).runtimeModes, ["full-access"])
      assert.include(Acp.capabilities(Grok.profile, { isolated: true }).runtimeModes, "read-only")
      const { startSession } = yield* Acp.make({ profile: Grok.profile })
      const refused = startSession({
        threadId: ThreadId.make("thread"),
        directory: "/",
        runtimeMode: "approval-required",
        projectConfig: "trust",
        from: { _tag: "New" }
      })
      assert.strictEqual((yield* Effect.flip(refused))._tag, "PolicyUnenforceable")
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.effect("P17 grok: a folder that the user has told it to trust, and all within, cannot be distrusted", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const home = yield* fs.makeTempDirectoryScoped()
      const file = (yield* Path.Path).join(home, "trusted_folders.toml")
      yield* fs.writeFileString(file, "[folders.\"/srv/app\"]\ntrusted = true\n")
      const overruled = (directory: string) =>
        Grok.profile.overrules?.(directory, { GROK_HOME: home }) ?? Effect.succeed(false)
      assert.deepStrictEqual(
        yield* Effect.forEach(["/srv/app", "/srv/app/src", "/srv", "/srv/apples"], overruled),
        [true, true, false, false]
      )
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
