/**
 * Where a turn begins in the log of its thread.
 *
 * @since 0.1.0
 */
import type { TurnId } from "../domain/Ids.ts"

/**
 * The event that a turn begins with.
 *
 * @category models
 * @since 0.1.0
 */
export interface TurnStart {
  readonly turnId: TurnId
  readonly seq: number
}
