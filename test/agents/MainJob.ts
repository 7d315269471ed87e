/** The main example on the real agent, as `npm start -- --agent <name>` runs it: the reaper, a `kill -9` of the app, a move. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { env, execPath } from "node:process"
import * as Agent from "./Agent.ts"

const Output = Schema.fromJsonString(Schema.Struct({
  ok: Schema.Boolean,
  broken: Schema.Array(Schema.Unknown),
  followUps: Schema.Array(Schema.Struct({
    continuity: Schema.String,
    historyMessages: Schema.Int,
    expectedHistoryMessages: Schema.Int
  }))
}))

/** `continuities` are those of the turns after the reaper, after the `kill -9`, and after the move. */
export const prove = (agent: string, continuities: ReadonlyArray<string>) =>
  describe("examples/continuity", () => {
    it.live(
      `P1 ${agent}: after the reaper, a kill -9 of the host and a move the next turn has the whole conversation`,
      () =>
        Effect.gen(function*() {
          const { executable } = yield* Agent.load(agent)
          const binary = yield* executable(env["PATH"] ?? "")
          const child = yield* ChildProcess.make(
            execPath,
            ["examples/continuity/main.ts", "--agent", agent, "--json"],
            { env: { [`${agent.toUpperCase()}_BINARY`]: binary }, extendEnv: true, stdin: "ignore", stderr: "inherit" }
          )
          const output = yield* Schema.decodeEffect(Output)(yield* Stream.mkString(Stream.decodeText(child.stdout)))
          assert.deepStrictEqual(output.broken, [])
          assert.isTrue(output.ok)
          assert.deepStrictEqual(output.followUps.map(({ continuity }) => continuity), continuities)
          for (const { expectedHistoryMessages, historyMessages } of output.followUps) {
            assert.strictEqual(historyMessages, expectedHistoryMessages)
          }
        }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
      400_000
    )
  })
