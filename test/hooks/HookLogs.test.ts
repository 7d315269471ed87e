import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Queue, References } from "effect"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import {
  asked,
  Broken,
  dispatcher,
  onStore,
  receipts,
  record,
  register,
  settle,
  thrown,
  turnStarted
} from "../support/Hooks.ts"
import { openThread } from "../support/StoreFixture.ts"

interface Line {
  readonly level: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** What is logged of the hook with this name while the effect runs. */
const logsOf = Effect.fnUntraced(function*<A, E, R>(hook: string, effect: Effect.Effect<A, E, R>) {
  const lines: Array<Line> = []
  const everything: Array<unknown> = []
  const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
    const annotations = fiber.getRef(References.CurrentLogAnnotations)
    everything.push(message, cause, annotations)
    if (annotations["hook"] === hook) lines.push({ level: logLevel, annotations })
  })
  yield* Effect.provide(effect, Logger.layer([logger]))
  return { lines, everything }
})

const secret = "sk-secret"

const unreadable = {
  get _tag(): string {
    throw new Error(secret)
  }
}

class NotReachable extends Error {
  override readonly name = "NotReachable"
}

/** What a hook fails with, and what of it is logged. */
const failures: Record<string, readonly [Effect.Effect<never, unknown>, string]> = {
  "a tagged error": [new Broken(), "Broken"],
  "an error of a class": [Effect.fail(new NotReachable(secret)), "NotReachable"],
  "a thrown error": [Effect.suspend(() => thrown(undefined)), "TypeError"],
  "a string": [Effect.fail(secret), "string"],
  "an object without a tag": [Effect.fail({ secret }), "object"],
  "an error that cannot be looked at": [Effect.fail(unreadable), "unreadable"],
  "its own interruption": [Effect.interrupt, "Interrupt"]
}

describe("HookDispatcher: what is logged", () => {
  for (const [what, [failure, tag]] of Object.entries(failures)) {
    it.effect(`P12 hooks: an observer that fails with ${what} is logged with its error's tag, at each try and at the last`, () =>
      onStore(Effect.gen(function*() {
        const { everything, lines } = yield* logsOf(
          "bad",
          Effect.scoped(Effect.gen(function*() {
            const hooks = yield* dispatcher
            const receipt = yield* receipts("bad")
            const hook = { name: "bad", events: ["turn:start"], attempts: 2, backoff: 0, run: () => failure } as const
            yield* register(LifecycleHooks.observe(hook))
            yield* openThread()
            yield* record(hooks, [turnStarted("a")])
            yield* Queue.takeN(receipt, 2)
            yield* settle
          }))
        )
        assert.deepStrictEqual(
          lines.map(({ annotations: { attempt, error, event, outcome }, level }) => [
            level,
            event,
            outcome,
            attempt,
            error
          ]),
          [
            ["Warn", "turn:start", "Failed", 1, tag],
            ["Warn", "turn:start", "Failed", 2, tag],
            ["Error", "turn:start", undefined, undefined, tag]
          ]
        )
        assert.notInclude(JSON.stringify(everything), secret)
      })))
  }

  for (const failure of ["open", "closed"] as const) {
    it.effect(`P12 hooks: ${failure} guards and transforms that fail are logged with their error's tag`, () =>
      onStore(Effect.gen(function*() {
        for (const phase of ["guard", "transform"] as const) {
          const { lines } = yield* logsOf(
            phase,
            Effect.scoped(Effect.gen(function*() {
              const hooks = yield* dispatcher
              const hook = { name: phase, events: ["turn:start"], failure, run: () => new Broken() } as const
              yield* register(phase === "guard" ? LifecycleHooks.guard(hook) : LifecycleHooks.transform(hook))
              yield* hooks[phase](asked())
            }))
          )
          assert.strictEqual(lines.length, 1)
          assert.strictEqual(lines[0]?.level, "Warn")
          assert.deepInclude(lines[0]?.annotations, { event: "turn:start", outcome: "Failed", error: "Broken" })
        }
      })))
  }
})
