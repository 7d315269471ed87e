/**
 * Signing in to an agent, as far as an app can help with it: the agent names a page, and the user opens it. Plain JSON.
 * A key is no part of it: an app that has one gives it to the adapter's Layer.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId } from "../domain/Ids.ts"

/**
 * A way to sign in, as `AgentCheck.signIn` lists it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SignInMethod = Schema.Struct({
  /** For `signIn`. */
  id: Schema.String,
  /** What a picker shows. */
  name: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SignInMethod extends Schema.Schema.Type<typeof SignInMethod> {}

/**
 * A step of signing in. `SignedIn` is the last one.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SignInStep = Schema.TaggedUnion({
  /** The user opens `url`. Without a `code` that has to be in a browser of the agent's own machine, to which it leads back. */
  OpenPage: {
    url: Schema.String,
    /** What the user enters there, from any machine. */
    code: Schema.optionalKey(Schema.String)
  },
  SignedIn: {
    /** Whose credentials the agent has now, where it says so. */
    account: Schema.optionalKey(Schema.String)
  }
})

/**
 * @category models
 * @since 0.1.0
 */
export type SignInStep = typeof SignInStep.Type

/**
 * The agent has no credentials from it. `unknown-method`: `available` lists those that there are. `refused`: the agent or
 * its provider did not go on with it; `detail` is the agent's own words, for a person.
 *
 * @category errors
 * @since 0.1.0
 */
export class SignInFailed
  extends Schema.TaggedError<SignInFailed>("effect-coding-agents/SignInFailed")("SignInFailed", {
    instanceId: InstanceId,
    method: Schema.String,
    reason: Schema.Literals(["unknown-method", "refused"]),
    available: Schema.optionalKey(Schema.Array(Schema.String)),
    detail: Schema.optionalKey(Schema.String)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return this.reason === "unknown-method"
      ? `${this.instanceId} has no sign-in "${this.method}"; it has ${this.available?.join(", ") ?? "none"}`
      : `Signing in to ${this.instanceId} by "${this.method}" failed${
        this.detail === undefined ? "" : `: ${this.detail}`
      }`
  }
}
