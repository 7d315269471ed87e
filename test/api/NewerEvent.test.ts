/** What a server of a newer release tells, as a client of this one reads it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as NewerEvent from "../../src/api/NewerEvent.ts"
import { FeedEvent } from "../../src/domain/FeedEvent.ts"
import { Epoch, Position, ThreadId } from "../../src/domain/Ids.ts"
import { ThreadEvent } from "../../src/domain/ThreadEvent.ts"

const place = {
  seq: 7,
  threadId: ThreadId.make("thread"),
  epoch: Epoch.make(1),
  at: 1000,
  position: Position.make("3.7")
}

const known: ThreadEvent = { _tag: "Warning", code: "any", ...place }

describe("events of a newer release", () => {
  for (const [of, schema] of [["a thread", ThreadEvent], ["all threads", FeedEvent]] as const) {
    it.effect(`P15: of ${of}: one that is not known is kept with its place, and a field that is not known is left out`, () =>
      Effect.gen(function*() {
        const element = NewerEvent.codec(schema)
        const decode = Schema.decodeUnknownEffect(element)
        const encoded = yield* Schema.encodeEffect(element)(known)
        assert.deepStrictEqual(encoded, known)
        assert.deepStrictEqual(yield* decode({ ...known, added: true }), known)
        const newer = { _tag: "TurnBlessed", turnId: "turn", by: { whom: ["the server"] }, ...place }
        assert.deepStrictEqual(yield* decode(newer), {
          _tag: "Unrecognized",
          type: "TurnBlessed",
          turnId: "turn",
          raw: newer,
          ...place
        })
        // A kind that is known with a value that is not.
        const changed = yield* decode({ ...known, code: { of: "another shape" } })
        assert.deepInclude(changed, { _tag: "Unrecognized", type: "Warning" })
        for (const broken of [null, "text", { _tag: "TurnBlessed" }]) {
          assert.strictEqual((yield* Effect.exit(decode(broken)))._tag, "Failure")
        }
      }))
  }
})
