/**
 * Whether an agent can be used on this machine, and what to do where it cannot. Plain JSON.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { SignInMethod } from "./SignIn.ts"

/**
 * What {@link ProviderAdapter.check} answers. An agent that is not there is an answer and no error.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AgentCheck = Schema.Struct({
  /** Whether its executable was found and runs, or its server answers. */
  installed: Schema.Boolean,
  /** Absolute path of the executable. Absent where the agent is not installed, or is no program of this machine. */
  path: Schema.optionalKey(Schema.String),
  /** As the agent says it. Absent where it does not. */
  version: Schema.optionalKey(Schema.String),
  /** The versions that the adapter was tested with, both inclusive. */
  testedVersions: Schema.Struct({ from: Schema.String, to: Schema.String }),
  /** Whether `version` is one of `testedVersions`; `false` where it is not known. */
  tested: Schema.Boolean,
  /** Whether the agent has credentials for a model. That they are valid is known once a model is asked. */
  login: Schema.Literals(["in", "out", "unknown"]),
  /** Whose credentials they are, where the agent says so. */
  account: Schema.optionalKey(Schema.String),
  /** The ways to sign in that `signIn` takes. Absent where the adapter helps with none; `fix` says what to do by hand. */
  signIn: Schema.optionalKey(Schema.Array(SignInMethod)),
  /** The first thing that is missing, and the command that mends it. Absent where nothing is known to be missing. */
  fix: Schema.optionalKey(Schema.Struct({
    missing: Schema.Literals(["agent", "tested-version", "login"]),
    command: Schema.String
  }))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AgentCheck extends Schema.Schema.Type<typeof AgentCheck> {}
