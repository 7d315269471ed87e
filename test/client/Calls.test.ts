/** How often a call is made whose answer does not come. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, SubscriptionRef } from "effect"
import { RpcClient, RpcClientError, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import { TestClock } from "effect/testing"
import * as calls from "../../src/client/internal/calls.ts"
import type { Link, State } from "../../src/client/internal/link.ts"
import { ServerUnreachable } from "../../src/service/ServiceError.ts"

const lost = (code: number) =>
  Effect.fail(new RpcClientError.RpcClientError({ reason: new Socket.SocketCloseError({ code }) }))

/** A server that is there. What is sent to it is the test's own. */
const remote = (state: SubscriptionRef.SubscriptionRef<State>) => {
  const protocol = RpcClient.Protocol.of({
    run: () => Effect.never,
    send: () => Effect.void,
    supportsAck: true,
    supportsTransferables: false,
    codecFor: RpcSerialization.ndjson.codecFor
  })
  const link: Link = { protocol, state, tellsInterrupts: true }
  return { link, patience: { calls: Duration.seconds(30), streams: Duration.infinity } }
}

/** Makes the call, which takes so long each time, to a server that is away for so long after a loss; answers how often it was made. */
const made = Effect.fnUntraced(function*(
  took: Duration.Input,
  away: Duration.Input,
  each: (time: number) => Effect.Effect<string, RpcClientError.RpcClientError>
) {
  let times = 0
  const state = yield* SubscriptionRef.make<State>("connected")
  const back = Effect.delay(SubscriptionRef.set(state, "connected"), away)
  const send = Effect.suspend(() =>
    Effect.delay(Effect.suspend(() => each(++times)), took).pipe(
      Effect.tapError(() => Effect.andThen(SubscriptionRef.set(state, "connecting"), Effect.forkDetach(back)))
    )
  )
  const call = yield* Effect.forkChild(Effect.result(calls.call(remote(state), "runTurn", true, send)))
  yield* TestClock.adjust("1 day")
  return [times, yield* Fiber.join(call)] as const
})

describe("a call whose connection is lost", () => {
  it.effect("P4 is made again each time, however long it was under way before", () =>
    Effect.gen(function*() {
      const [times, answer] = yield* made("1 hour", "20 seconds", (time) =>
        time < 4 ? lost(1006) : Effect.succeed("over"))
      assert.strictEqual(times, 4)
      assert.deepInclude(answer, { _tag: "Success", success: "over" })
    }))

  it.effect("waits for its server as long from the loss on as the client is patient", () =>
    Effect.gen(function*() {
      const once = (away: Duration.Input) =>
        made("20 seconds", away, (time) => time < 2 ? lost(1006) : Effect.succeed("over"))
      const [twice, over] = yield* once("25 seconds")
      assert.deepStrictEqual([twice, over._tag], [2, "Success"])
      const [times, answer] = yield* once("35 seconds")
      assert.strictEqual(times, 1)
      assert(answer._tag === "Failure")
      assert.deepInclude({ ...answer.failure }, { reason: "away", outcome: "unknown" })
    }))

  it.effect("is given up once it was lost for as long as the client is patient", () =>
    Effect.gen(function*() {
      const [times, answer] = yield* made("10 millis", 0, () => lost(1006))
      assert(answer._tag === "Failure")
      assert.instanceOf(answer.failure, ServerUnreachable)
      assert.isAbove(times, 5)
      assert.isBelow(times, 40)
    }))

  it.effect("because of a message that is too long is not made again, which would cost every other call its connection", () =>
    Effect.gen(function*() {
      const [times, answer] = yield* made("10 millis", 0, () => lost(1009))
      assert.strictEqual(times, 1)
      assert(answer._tag === "Failure")
      assert.deepInclude({ ...answer.failure }, { reason: "closed", outcome: "unknown" })
    }))
})
