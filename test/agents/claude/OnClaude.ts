/** Rules of our own on the real binary. Each file that has some has a home and a model of its own. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { Claude } from "../../../src/claude/index.ts"
import { Conformance, conformance } from "../../../src/testing/index.ts"
import { fixture, optionsOf, World } from "./ConformingClaude.ts"

const { Bench: { cursorOf, listen } } = Conformance

/** A session that is over after one turn: where it worked, and how it is gone on with. */
export const past = Effect.fnUntraced(function*(host: Conformance.Bench.Host, prompt: string) {
  const listener = yield* listen(host)
  yield* listener.run(prompt)
  const from = { _tag: "Resume", cursor: yield* cursorOf(listener) } as const
  yield* listener.close
  return { from, session: listener.session }
})

export const onClaude = (
  rules: (world: Effect.Effect<World["Service"]>) => ReadonlyArray<Conformance.Rule>,
  options: Partial<Claude.Options> = {},
  prompts?: Conformance.Fixture["prompts"]
) => {
  const runtime = ManagedRuntime.make(World.layer)
  afterAll(() => runtime.dispose())
  const world = Effect.promise(() => runtime.runPromise(World))
  const conforming = fixture(world)
  conformance(
    "claude",
    Layer.unwrap(Effect.map(world, (world) => Claude.layer({ ...optionsOf(world), ...options }))),
    { ...conforming, prompts: prompts ?? conforming.prompts },
    { describe, it, rules: rules(world) }
  )
}
