/** The main example on the real program: the reaper, a `kill -9` of the app, and a move that Qwen cannot make. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { execPath } from "node:process"

const Output = Schema.fromJsonString(Schema.Struct({
  ok: Schema.Boolean,
  broken: Schema.Array(Schema.Unknown),
  followUps: Schema.Array(Schema.Struct({
    continuity: Schema.String,
    historyMessages: Schema.Int,
    expectedHistoryMessages: Schema.Int
  }))
}))

describe("examples/continuity", () => {
  it.live(
    "P1 qwen: after the reaper, a kill -9 of the host and a move the next turn has the whole conversation",
    () =>
      Effect.gen(function*() {
        const child = yield* ChildProcess.make(
          execPath,
          ["examples/continuity/main.ts", "--agent", "qwen", "--json"],
          { stdin: "ignore", stderr: "inherit" }
        )
        const output = yield* Schema.decodeEffect(Output)(yield* Stream.mkString(Stream.decodeText(child.stdout)))
        assert.deepStrictEqual(output.broken, [])
        assert.isTrue(output.ok)
        assert.deepStrictEqual(output.followUps, [
          { continuity: "Resumed", historyMessages: 12, expectedHistoryMessages: 12 },
          { continuity: "Resumed", historyMessages: 17, expectedHistoryMessages: 17 },
          { continuity: "Rehydrated", historyMessages: 19, expectedHistoryMessages: 19 }
        ])
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    400_000
  )
})
