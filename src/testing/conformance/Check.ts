/**
 * What rules are written with: checks that fail with what was expected and what was seen.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import type { Controls } from "./Fixture.ts"
import type { Prompts } from "./Prompts.ts"

/**
 * Raised inside a rule; the runner makes a {@link RuleBroken} of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class Violated extends Schema.TaggedError<Violated>("effect-coding-agents/Violated")("Violated", {
  expected: Schema.String,
  seen: Schema.Unknown
}) {}

/**
 * The fixture cannot do what the rule needs.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotChecked extends Schema.TaggedError<NotChecked>("effect-coding-agents/NotChecked")("NotChecked", {
  missing: Schema.String
}) {
  override get message() {
    return `Not checked: the fixture has no ${this.missing}`
  }
}

/**
 * Any tagged error. A rule also breaks if it fails with an error of the service or the adapter.
 *
 * @category models
 * @since 0.1.0
 */
export type Tagged = { readonly _tag: string }

/**
 * Fails unless `holds`.
 *
 * @category checks
 * @since 0.1.0
 */
export const expect = (holds: boolean, expected: string, seen: unknown): Effect.Effect<void, Violated> =>
  holds ? Effect.void : Effect.fail(new Violated({ expected, seen }))

/**
 * Fails unless both are the same as JSON.
 *
 * @category checks
 * @since 0.1.0
 */
export const equal = (seen: unknown, wanted: unknown, what: string): Effect.Effect<void, Violated> =>
  expect(JSON.stringify(seen) === JSON.stringify(wanted), `${what}: ${JSON.stringify(wanted)}`, seen)

/**
 * Fails unless the effect fails with one of these tags; answers that error.
 *
 * @category checks
 * @since 0.1.0
 */
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

/**
 * The fixture's control of that name.
 *
 * @category checks
 * @since 0.1.0
 */
export const need = <K extends keyof Controls>(
  controls: Controls,
  name: K
): Effect.Effect<NonNullable<Controls[K]>, NotChecked> => {
  const found = controls[name]
  return found === undefined || found === null ? Effect.fail(new NotChecked({ missing: name })) : Effect.succeed(found)
}

/**
 * The fixture's prompt of that name.
 *
 * @category checks
 * @since 0.1.0
 */
export const needPrompt = <K extends keyof Prompts>(
  prompts: Prompts,
  name: K
): Effect.Effect<NonNullable<Prompts[K]>, NotChecked> => {
  const found = prompts[name]
  return found === undefined || found === null
    ? Effect.fail(new NotChecked({ missing: `prompt "${name}"` }))
    : Effect.succeed(found)
}
