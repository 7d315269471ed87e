import { assert, describe, it } from "@effect/vitest"
import { Effect, Path } from "effect"
import { ProviderService } from "../../src/index.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { threadId } = Agents

describe("MockAgentDisk: in a file", () => {
  it.effect("P1 mock: a later process finds the sessions, their histories, and what was received", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const folder = yield* Agents.folder
      const filename = path.join(folder, "threads.db")
      /** One process: a disk and a store that are read from their files. */
      const process = <A, E>(effect: Effect.Effect<A, E, ProviderService | MockProvider>) =>
        Effect.gen(function*() {
          const disk = yield* MockAgentDisk.inFile(path.join(folder, "agent.disk"))
          return yield* Effect.provide(effect, Agents.layer({ filename, mock: { disk } }), { local: true })
        })
      const sessionId = yield* process(Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const { sessionId } = yield* agents.startSession({ threadId, instanceId: Agents.mock, directory: folder })
        yield* agent.script(({ prompt }) => [MockStep.text(`heard: ${prompt}`)])
        yield* agents.runTurn({ threadId, prompt: "blue walnut" })
        return sessionId
      }))
      yield* process(Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* agent.script(({ history }) => [MockStep.text(history.map(({ text }) => text).join(", "))])
        const turn = yield* agents.runTurn({ threadId, prompt: "what did I say?" })
        assert.deepStrictEqual(turn.continuity, { _tag: "Resumed" })
        assert.strictEqual(turn.text, "blue walnut, heard: blue walnut")
        assert.deepStrictEqual((yield* agent.sessions).map((session) => session.sessionId), [sessionId])
        assert.deepStrictEqual((yield* agent.received).map(({ input }) => input.prompt), [
          "blue walnut",
          "what did I say?"
        ])
      }))
    }).pipe(Effect.provide(Agents.platform)))
})
