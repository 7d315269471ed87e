/** What an agent may ask of our client, asked by the protocol's own SDK. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Acp } from "../../../src/acp/index.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import { drive, items } from "../../support/Driven.ts"
import { binary } from "./agent.ts"

const profile = Acp.profile({
  provider: "acp-sdk",
  command: "sdk-agent",
  modes: { "approval-required": { answer: "ask" } }
})

describe("an agent on the SDK", () => {
  it.live("P6 acp-sdk: files and terminals are refused with -32601, a permission that it cancels with -32800, and its turn goes on", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-sdk-" }))
      const { startSession } = yield* Acp.make({ profile, binary, env: { SDK_AGENT_FOLDER: directory } })
      const driven = yield* startSession({
        threadId: ThreadId.make("thread"),
        directory,
        runtimeMode: "approval-required",
        projectConfig: "trust",
        from: { _tag: "New" }
      }).pipe(Effect.flatMap(drive))
      assert.strictEqual((yield* driven.run("use the client"))._tag, "TurnCompleted")
      assert.deepStrictEqual(items(driven, "AssistantMessage").at(-1)?.text, "[-32601,-32601,-32601,-32800]")
      const settled = driven.seen.filter(({ _tag }) => _tag === "ApprovalSettled")
      assert.deepInclude(settled[0], { by: "agent" })
      assert.lengthOf(settled, 1)
      assert.isFalse(yield* fs.exists(`${directory}/made`))
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))
})
