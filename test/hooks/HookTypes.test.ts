import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { allow } from "../../src/hooks/HookVerdict.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"

describe("LifecycleHooks: types", () => {
  it("P12 hooks: patterns are checked, and an event is what its patterns say, when it is compiled", () => {
    const hooks = Layer.mergeAll(
      LifecycleHooks.observe({
        name: "sessions",
        events: ["session:*"],
        run: (event) => {
          const tag: "session:start" | "session:end" | "session:reset" = event._tag
          return Effect.log(event._tag === "session:start" ? event.source : tag)
        }
      }),
      LifecycleHooks.observe({
        name: "one",
        events: ["turn:end", "snapshot:written"],
        run: (event) => Effect.log(event._tag === "turn:end" ? event.outcome : event.snapshot.path)
      }),
      LifecycleHooks.observe({
        name: "wrong",
        // @ts-expect-error there is no such event
        events: ["session:begin"],
        run: () => Effect.void
      }),
      LifecycleHooks.observe({
        name: "wrong family",
        // @ts-expect-error there is no such family
        events: ["sessions:*"],
        run: () => Effect.void
      }),
      LifecycleHooks.observe({
        name: "wrong field",
        events: ["session:end"],
        // @ts-expect-error an end has no source
        run: (event) => Effect.log(event.source)
      }),
      LifecycleHooks.guard({
        name: "wrong guard",
        // @ts-expect-error an end cannot be vetoed
        events: ["session:end"],
        run: () => Effect.succeed(allow)
      })
    )
    assert.isTrue(Layer.isLayer(hooks))
  })
})
