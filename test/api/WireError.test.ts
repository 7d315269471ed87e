/** P14: errors cross the wire in their public form, and are themselves again on the other side. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ApiError, WireError } from "../../src/api/index.ts"
import { InstanceId, SessionId, ThreadId, TurnId } from "../../src/index.ts"
import * as protocol from "../../src/protocol.ts"

const secret = "/secrets/alice/.config"
const instanceId = InstanceId.make("mock")
const threadId = ThreadId.make("t")

const cross = <E extends WireError.ErrorClass>(error: E, value: E["Type"]) =>
  Effect.gen(function*() {
    const codec = Schema.toCodecJson(WireError.of(error))
    const sent = JSON.stringify(yield* Schema.encodeEffect(codec)(value))
    return { sent, received: yield* Schema.decodeUnknownEffect(codec)(JSON.parse(sent)) }
  })

const isSame = <E extends WireError.ErrorClass>(error: E, value: E["Type"]) =>
  Effect.gen(function*() {
    const { received, sent } = yield* cross(error, value)
    assert.strictEqual(received.constructor, value.constructor)
    assert.deepStrictEqual(protocol.toPublic(received), protocol.toPublic(value), sent)
    assert.deepStrictEqual(JSON.parse(sent), JSON.parse(JSON.stringify(protocol.toPublic(value))))
    assert.notInclude(sent, "alice")
    return received
  })

describe("an error on the wire", () => {
  it.effect("is its public form, and itself again with all that a client may see", () =>
    Effect.gen(function*() {
      const turnId = TurnId.make("turn")
      yield* isSame(protocol.TurnInProgress, new protocol.TurnInProgress({ threadId, turnId }))
      const issues = [{ path: "a[0]", reason: "Expected a number" }]
      yield* isSame(protocol.InputInvalid, new protocol.InputInvalid({ operation: "ask", issues, omitted: 3 }))
      yield* isSame(protocol.ThreadNotFound, new protocol.ThreadNotFound({ threadId }))
      yield* isSame(ApiError.Unauthorized, new ApiError.Unauthorized())
      yield* isSame(ApiError.TooManyRequests, new ApiError.TooManyRequests({ retryAfter: 1500 }))
      yield* isSame(ApiError.NotReady, new ApiError.NotReady())
      yield* isSame(ApiError.InternalError, new ApiError.InternalError())
      yield* isSame(ApiError.OriginRefused, new ApiError.OriginRefused({ header: "host" }))
    }))

  it.effect("P14: leaves out what is for the operator, which is empty where it is read back", () =>
    Effect.gen(function*() {
      const found = yield* isSame(
        protocol.AgentNotFound,
        new protocol.AgentNotFound({ instanceId, searched: [secret] })
      )
      assert.deepStrictEqual(found.searched, [])
      const failed = new protocol.StoreFailed({ operation: "read", reason: "Unknown", cause: new Error(secret) })
      assert.strictEqual((yield* isSame(protocol.StoreFailed, failed)).operation, "read")
      const missing = { instanceId, sessionId: SessionId.make("s"), evidence: { secret } }
      yield* isSame(protocol.SessionMissing, new protocol.SessionMissing(missing))
      const code = "ENOSPC"
      const unwritten = new protocol.SnapshotNotWritten({ failure: { snapshotId: "s", code, message: secret } })
      const { failure } = yield* isSame(protocol.SnapshotNotWritten, unwritten)
      assert.deepStrictEqual(failure, { snapshotId: "", code: "" })
      yield* isSame(protocol.SnapshotCorrupt, new protocol.SnapshotCorrupt({ path: secret, what: "manifest" }))
    }))

  it.effect("of another kind, or without what it needs, is refused", () =>
    Effect.gen(function*() {
      const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(WireError.of(protocol.ThreadNotFound)))
      const sent = protocol.toPublic(new protocol.ThreadNotFound({ threadId }))
      yield* decode(sent)
      yield* Effect.flip(decode({ ...sent, _tag: "TurnNotFound" }))
      yield* Effect.flip(decode({ ...sent, details: {} }))
    }))

  it("every error of an operation has a Schema, one for each class", () => {
    const groups = [protocol.Operations.service, protocol.Operations.archive, protocol.Operations.hooks]
    const errors = new Set(groups.flatMap(Object.values).flatMap(({ error }) => error.members))
    assert.isAbove(errors.size, 50)
    const all = WireError.all(Array.from(errors))
    assert.strictEqual(new Set(all).size, errors.size)
    assert.deepStrictEqual(WireError.all(Array.from(errors)), all)
  })
})
