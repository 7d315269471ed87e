/** A server that is there and does not answer as it should. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import type { ServerResponse } from "node:http"
import { InstanceId } from "../../../src/domain/Ids.ts"
import * as Server from "../../../src/opencode/server/Server.ts"
import * as Loopback from "../../support/Loopback.ts"
import { tested } from "../../support/Versions.ts"

const instanceId = InstanceId.make("opencode")

const start = Effect.gen(function*() {
  const questions = yield* Queue.unbounded<ServerResponse>()
  const baseUrl = yield* Loopback.http((_request, response) => void Queue.offerUnsafe(questions, response))
  return { questions, starting: yield* Effect.forkChild(Effect.result(Server.external({ instanceId, baseUrl }))) }
})

it.effect("P4 opencode: a server that leaves a question unanswered is asked again before its deadline", () =>
  Effect.gen(function*() {
    const { questions, starting } = yield* start
    yield* Queue.take(questions)
    yield* TestClock.adjust("5 seconds")
    const response = yield* Queue.take(questions)
    response.end(JSON.stringify({ version: tested.to }))
    assert.deepInclude(yield* Fiber.join(starting), { _tag: "Success" })
  }))

it.effect("P4 opencode: a server that answers no question is given up at its deadline", () =>
  Effect.gen(function*() {
    const { questions, starting } = yield* start
    for (let time = 1; time <= 6; time++) {
      yield* Queue.take(questions)
      yield* TestClock.adjust("5 seconds")
    }
    const failed = yield* Effect.flip(Effect.flatMap(Fiber.join(starting), Effect.fromResult))
    assert.deepInclude(failed, { _tag: "AgentUnreachable", code: "DEADLINE" })
  }))
