/**
 * A turn that a session of the thread should know of.
 *
 * @since 0.1.0
 */
import type { TurnPlace } from "../provider/ProviderAdapter.ts"

/**
 * `own`: it ran in this session, and was completed. Else it ran in another one of the thread.
 *
 * @since 0.1.0
 * @category models
 */
export interface HeldTurn {
  readonly place: TurnPlace
  readonly own: boolean
}
