/** A thread's history where its app-server answers as no Codex is known to. */
import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { AppServer } from "../../src/codex/process/AppServer.ts"
import * as History from "../../src/codex/session/History.ts"
import { InstanceId, TurnId } from "../../src/domain/Ids.ts"

const page = { data: [{ id: "n1", status: "completed", items: [] }], nextCursor: "again" }

const server = {
  instanceId: InstanceId.make("codex"),
  version: "0.171.0",
  call: <A>(_method: string, _params: object, schema: Schema.ConstraintDecoder<A>) =>
    Effect.orDie(Schema.decodeUnknownEffect(schema)(page))
} as Partial<AppServer> as AppServer

it.effect("P4 codex: a list of turns that never ends is told as such, and not read for ever", () =>
  Effect.gen(function*() {
    const turn = { turnId: TurnId.make("turn"), ref: "turn" }
    for (const reading of [History.read(server, "thread"), History.evidence(server, "thread", turn)]) {
      const error = yield* Effect.flip<unknown, { readonly _tag: string }, never>(reading)
      assert.strictEqual(error._tag, "AgentProtocolError")
    }
  }))
