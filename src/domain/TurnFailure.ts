/**
 * Why a turn failed, as data. `message` fields hold the provider's prose for people; no decision depends on them.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * Why a turn failed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnFailure = Schema.TaggedUnion({
  /** The model's provider answered with an error, after the agent's own retries. */
  ModelFailed: {
    name: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    retryable: Schema.Boolean,
    message: Schema.optionalKey(Schema.String)
  },
  /** A quota of the user's account is used up. `resetsAt` is in milliseconds since 1970; `scope` is the agent's word. */
  UsageLimit: { resetsAt: Schema.optionalKey(Schema.Finite), scope: Schema.optionalKey(Schema.String) },
  /** The agent is not logged in any more. */
  LoginRequired: { methods: Schema.Array(Schema.String) },
  /** The model's provider has no capacity now. */
  Overloaded: { message: Schema.optionalKey(Schema.String) },
  ContextOverflow: {},
  OutputFiltered: {},
  /** The output hit the model's limit before the answer was finished. */
  OutputTruncated: {},
  /** The agent accepted the input and then refused to work on it (unknown model, unknown agent, ...). */
  Refused: { name: Schema.String, message: Schema.optionalKey(Schema.String) },
  /** One of our own deadlines passed; the turn was interrupted. */
  DeadlineExceeded: { deadline: Schema.Literals(["turn", "no-progress"]), millis: Schema.Finite },
  /**
   * One of the app's `limits` was met, which is `max`; the turn was interrupted. `tokens` and `cost` (in US dollars) are of
   * the turn, `thread-tokens` and `thread-cost` of all turns of the thread, `identical-calls` and `own-turns` in a row.
   */
  LimitReached: {
    limit: Schema.Literals(["identical-calls", "tokens", "cost", "thread-tokens", "thread-cost", "own-turns"]),
    max: Schema.Finite
  },
  /** The agent's process or connection ended under the turn. */
  SessionLost: {
    exitCode: Schema.optionalKey(Schema.Int),
    signal: Schema.optionalKey(Schema.String),
    /** The last words of the agent's log, redacted. */
    stderr: Schema.optionalKey(Schema.String)
  },
  /** The agent reported an error that this version of the library does not know. */
  Other: { name: Schema.String, message: Schema.optionalKey(Schema.String) }
})

/**
 * @since 0.1.0
 * @category models
 */
export type TurnFailure = typeof TurnFailure.Type
