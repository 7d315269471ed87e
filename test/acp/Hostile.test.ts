/** What the adapter makes of an agent that is broken, or means harm. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { Acp } from "../../src/acp/index.ts"
import { cursorOf } from "../../src/acp/protocol/Cursor.ts"
import { ProviderName, SessionId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import type { StartInput } from "../../src/provider/ProviderAdapter.ts"
import { drive } from "../support/Driven.ts"
import * as FakeWorld from "./FakeWorld.ts"

const script = fileURLToPath(new URL("hostileAgent.ts", import.meta.url))

const services = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

const start = (quirk: string, from: StartInput["from"] = { _tag: "New" }, options: Partial<Acp.Options> = {}) =>
  Effect.gen(function*() {
    const { startSession } = yield* Acp.make({
      profile: Acp.profile({
        provider: "hostile",
        command: "node",
        args: [script, quirk],
        modes: { "full-access": { mode: "strict", answer: "allow" } }
      }),
      binary: process.execPath,
      env: { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] },
      ...options
    })
    return yield* startSession(FakeWorld.starts({ from }))
  })

const past: StartInput["from"] = {
  _tag: "Resume",
  cursor: cursorOf(ProviderName.make("hostile")).encode({
    sessionId: SessionId.make("the-session"),
    directory: FakeWorld.starts().directory,
    runtimeMode: "full-access",
    agentVersion: "1.0.0"
  })
}

describe("an ACP agent that is broken", () => {
  it.live("P4 hostile-acp: a prompt that is refused once it has been accepted ends its turn, and the next one has an end too", () =>
    Effect.gen(function*() {
      const driven = yield* Effect.flatMap(start("refuses-late"), drive)
      for (const prompt of ["one", "two"]) {
        assert.deepInclude(yield* driven.run(prompt), { _tag: "TurnFailed" })
      }
      assert.lengthOf(driven.seen.filter(({ _tag }) => _tag === "TurnFailed"), 2)
    }).pipe(Effect.scoped, Effect.provide(services)))

  for (const quirk of ["lists-nothing", "lists-rubbish", "lists-on"]) {
    it.live(`P2 hostile-acp: a list that cannot be read to its end proves no session missing (${quirk})`, () =>
      Effect.gen(function*() {
        const refused = yield* Effect.flip(start(quirk, past))
        assert.strictEqual(refused._tag, "AgentProtocolError")
      }).pipe(Effect.scoped, Effect.provide(services)))
  }

  it.live("P8 hostile-acp: a start ends at its deadline where the agent does not say that it has taken its mode", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.flip(start("mute", undefined, { startDeadline: "2 seconds" }))
      assert.deepInclude(refused, { _tag: "AgentUnreachable", operation: "session/set_mode" })
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P8 hostile-acp: a start ends at its deadline where the agent is never silent after a load", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.flip(start("talks-on", past, { startDeadline: "2 seconds" }))
      assert.deepInclude(refused, { _tag: "AgentStartFailed", reason: "deadline" })
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P7 hostile-acp: an agent that leaves its mode each time that it is told loses its session", () =>
    Effect.gen(function*() {
      const driven = yield* Effect.flatMap(start("strays"), drive)
      yield* driven.ended
      assert.isAbove(driven.seen.filter(({ _tag }) => _tag === "ModeChanged").length, 5)
    }).pipe(Effect.scoped, Effect.provide(services)))
})
