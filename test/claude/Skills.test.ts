/** How the user's own skills are hidden, on a Claude that is played here. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import * as Skills from "../../src/claude/session/Skills.ts"
import { InstanceId } from "../../src/domain/Ids.ts"

const decode = Schema.decodeUnknownEffect(
  Schema.Struct({ settings: Schema.Struct({ skillOverrides: Schema.Record(Schema.String, Schema.String) }) })
)

describe("skills of the user's", () => {
  it.effect("P17 claude: two that are added at once are both hidden, whichever is looked at first", () =>
    Effect.gen(function*() {
      const there = ["one"]
      let off: ReadonlyArray<string> = []
      const isAsked = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const call = Effect.fnUntraced(function*(subtype: string, params?: object) {
        if (subtype === "get_context_usage") {
          const shown = there.filter((name) => !off.includes(name))
          return { skills: { skillFrontmatter: shown.map((name) => ({ name, source: "userSettings" })) } }
        }
        const { settings } = yield* Effect.orDie(decode(params))
        off = Object.keys(settings.skillOverrides)
        if (yield* Deferred.succeed(isAsked, undefined)) yield* Deferred.await(goOn)
        return {}
      })
      const peer = { call, notify: () => Effect.void, forget: () => Effect.void, closed: Effect.never }
      const hide = Skills.hiding({ instanceId: InstanceId.make("claude"), peer })
      const first = yield* Effect.forkChild(hide)
      yield* Deferred.await(isAsked)
      there.push("two")
      const second = yield* Effect.forkChild(hide, { startImmediately: true })
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(off, ["one", "two"])
    }))
})
