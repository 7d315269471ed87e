/**
 * What an adapter reads from its agent's own history: of one turn, and of the whole session.
 *
 * @since 0.1.0
 */
import type { Item } from "../domain/Item.ts"
import type { Usage } from "../domain/Usage.ts"

/**
 * What the provider's own history says of a turn.
 *
 * @category models
 * @since 0.1.0
 */
export interface TurnEvidence {
  readonly outcome: "never-delivered" | "completed" | "failed" | "interrupted" | "unfinished"
  /**
   * The turn's items as the provider has them. Nothing works on them any more: one that the agent left open is
   * `failed`, and one of which it kept nothing is left out.
   */
  readonly items: ReadonlyArray<Item>
}

/**
 * One message of the provider's own history.
 *
 * @category models
 * @since 0.1.0
 */
export interface HistoryMessage {
  /** The provider's id. */
  readonly id: string
  readonly role: "user" | "assistant" | "other"
  /** Milliseconds since the epoch, where the provider says. */
  readonly at: number | undefined
  /** `false` while the agent still works on it. */
  readonly finished: boolean
  /** As in the events, with the same ids. */
  readonly items: ReadonlyArray<Item>
  readonly usage: Usage | undefined
  /** The message as the provider has it, plain JSON. */
  readonly raw: unknown
}

/**
 * All that the provider keeps of a session, oldest first, with what was compacted.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProviderHistory {
  /** Name and version of the shape of `raw`: `opencode/1.18.33`. */
  readonly format: string
  readonly agentVersion: string
  /** The provider's record of the session itself, plain JSON. */
  readonly session: unknown
  readonly messages: ReadonlyArray<HistoryMessage>
  /** It lacks what `events` have shown: the agent had not written it in time. A snapshot of it never says `before`. */
  readonly behind?: boolean | undefined
}
