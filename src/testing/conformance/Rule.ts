/**
 * A rule of the adapter contract as data: which promise it proves, where it applies, and a program that proves it.
 */
import { Effect, Schema } from "effect"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import type { Bench } from "./Bench.ts"
import type { Controls } from "./Fixture.ts"

/** The adapter does not do what it must. `seen` is what it did instead. */
export class RuleBroken
  extends Schema.TaggedError<RuleBroken>("effect-coding-agents/testing/RuleBroken")("RuleBroken", {
    rule: Schema.String,
    promise: Schema.String,
    expected: Schema.String,
    seen: Schema.Unknown
  })
{
  override get message() {
    return `${this.promise} ${this.rule}\n  expected: ${this.expected}\n  seen: ${render(this.seen)}`
  }
}

const render = (seen: unknown): string =>
  typeof seen === "string"
    ? seen
    : seen instanceof Error
    ? String(seen)
    : JSON.stringify(seen, undefined, 2) ?? "nothing"

/** Raised inside a rule; the runner makes a {@link RuleBroken} of it. */
export class Violated extends Schema.TaggedError<Violated>("effect-coding-agents/testing/Violated")("Violated", {
  expected: Schema.String,
  seen: Schema.Unknown
}) {}

/** The fixture cannot do what the rule needs. */
export class NotChecked
  extends Schema.TaggedError<NotChecked>("effect-coding-agents/testing/NotChecked")("NotChecked", {
    missing: Schema.String
  })
{
  override get message() {
    return `Not checked: the fixture has no ${this.missing}`
  }
}

/** Any tagged error; those of the service and the adapter also break the rule that they end. */
export type Tagged = { readonly _tag: string }

export interface Rule {
  /** Stable: `group/name`. */
  readonly id: string
  /** `P1` to `P14`. */
  readonly promise: string
  /** What a conforming adapter does, as half a sentence. */
  readonly title: string
  /** Default: always. */
  readonly applies?: ((capabilities: Capabilities) => boolean) | undefined
  /**
   * Rules without which this one cannot hold either. If one of them is broken, the breach of this one says nothing new
   * and is reported as implied. All rules assume `turn/completed` without saying so.
   */
  readonly assumes?: ReadonlyArray<string> | undefined
  readonly prove: (bench: Bench) => Effect.Effect<void, Tagged>
}

/** Fails unless `holds`. */
export const expect = (holds: boolean, expected: string, seen: unknown): Effect.Effect<void, Violated> =>
  holds ? Effect.void : Effect.fail(new Violated({ expected, seen }))

export const equal = (seen: unknown, wanted: unknown, what: string): Effect.Effect<void, Violated> =>
  expect(JSON.stringify(seen) === JSON.stringify(wanted), `${what}: ${JSON.stringify(wanted)}`, seen)

/** Fails unless the effect fails with one of these tags; answers that error. */
export const refused = <A, E extends Tagged, R, Tag extends E["_tag"]>(
  effect: Effect.Effect<A, E, R>,
  tags: ReadonlyArray<Tag>,
  what: string
): Effect.Effect<Extract<E, { readonly _tag: Tag }>, Violated, R> =>
  Effect.matchEffect(effect, {
    onSuccess: (seen) => Effect.fail(new Violated({ expected: `${what}: ${tags.join(" or ")}`, seen })),
    onFailure: (error) =>
      isOneOf(error, tags)
        ? Effect.succeed(error)
        : Effect.fail(new Violated({ expected: `${what}: ${tags.join(" or ")}`, seen: error }))
  })

const isOneOf = <E extends Tagged, Tag extends E["_tag"]>(
  error: E,
  tags: ReadonlyArray<Tag>
): error is Extract<E, { readonly _tag: Tag }> => tags.some((tag) => tag === error._tag)

/** The fixture's hand of that name. */
export const need = <K extends keyof Controls>(
  controls: Controls,
  name: K
): Effect.Effect<NonNullable<Controls[K]>, NotChecked> => {
  const found = controls[name]
  return found === undefined || found === null ? Effect.fail(new NotChecked({ missing: name })) : Effect.succeed(found)
}
