/**
 * A rule of the adapter contract as data: which promise it proves, where it applies, and a program that proves it.
 *
 * @since 0.1.0
 */
import { type Effect, Schema } from "effect"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import type { Bench } from "./Bench.ts"
import type { Tagged } from "./Check.ts"

/**
 * The adapter does not do what it must. `seen` is what it did instead.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * A rule of the contract. Its program fails where the adapter does not keep it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rule {
  /** Stable: `group/name`. */
  readonly id: string
  /** `P1` to `P18`. */
  readonly promise: string
  /** What a conforming adapter does, in half a sentence. */
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
