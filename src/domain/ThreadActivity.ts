/**
 * What a list of threads shows of each beside its record: what the agent waits for, how the last turn stands, what goes
 * on in the background, and what was used. All of it is derived from the log and the ledger, so it is as true after a
 * crash as before.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { Task } from "./Task.ts"
import { TurnCause } from "./TurnCause.ts"
import { ApprovalRequest, ElicitationRequest, QuestionRequest } from "./UserRequest.ts"

const asked = {
  turnId: Schema.optionalKey(TurnId),
  /** Milliseconds since 1970. */
  at: Schema.Finite
}

/**
 * A request that waits for its answer.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OpenRequest = Schema.TaggedUnion({
  Approval: { ...asked, request: ApprovalRequest },
  Question: { ...asked, request: QuestionRequest },
  Elicitation: { ...asked, request: ElicitationRequest }
})

/**
 * @since 0.1.0
 * @category models
 */
export type OpenRequest = typeof OpenRequest.Type

/**
 * The turn that was sent or begun last. Times are in milliseconds since 1970.
 *
 * @since 0.1.0
 * @category schemas
 */
export const LastTurn = Schema.Struct({
  turnId: TurnId,
  /** `sending` until the agent is known to have it, then `running`, then how it ended. */
  status: Schema.Literals(["sending", "running", "completed", "failed", "interrupted", "unknown"]),
  /** Why the agent began it; absent for a turn that was sent. */
  cause: Schema.optionalKey(TurnCause),
  startedAt: Schema.Finite,
  endedAt: Schema.optionalKey(Schema.Finite)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface LastTurn extends Schema.Schema.Type<typeof LastTurn> {}

/**
 * Work beside the turns: a task, or an item that goes on after its turn.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Background = Schema.TaggedUnion({ Task: { task: Task }, Item: { item: Item } })

/**
 * @since 0.1.0
 * @category models
 */
export type Background = typeof Background.Type

/**
 * How full the model's context is, in tokens.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ContextUse = Schema.Struct({ used: Schema.Finite, window: Schema.optionalKey(Schema.Finite) })

/**
 * @since 0.1.0
 * @category models
 */
export interface ContextUse extends Schema.Schema.Type<typeof ContextUse> {}

/**
 * The fields that a thread in a list has beside its record.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ThreadActivity = Schema.Struct({
  /** Approvals, questions and elicitations that wait for an answer, in the order in which they were asked. */
  openRequests: Schema.Array(OpenRequest),
  /** Absent before the first turn. */
  lastTurn: Schema.optionalKey(LastTurn),
  background: Schema.Array(Background),
  /** What all turns have used together, as far as their agents have told. */
  usage: Schema.Struct({ tokens: Schema.Finite, costUsd: Schema.Finite }),
  /** As the agent told last; absent where it has not, since a new session or a compaction began it anew. */
  context: Schema.optionalKey(ContextUse)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ThreadActivity extends Schema.Schema.Type<typeof ThreadActivity> {}

/**
 * Of a thread that nothing has happened in.
 *
 * @since 0.1.0
 * @category constants
 */
export const none: ThreadActivity = { openRequests: [], background: [], usage: { tokens: 0, costUsd: 0 } }
