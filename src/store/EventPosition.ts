/**
 * Where an event lies in the one order over all threads: the position of its commit and, as a commit is of one thread, its
 * `seq` there. The position of a commit alone is the end of the commit.
 *
 * @since 0.1.0
 */
import { Option, Order } from "effect"
import { Position } from "../domain/Ids.ts"

/**
 * A position, read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly commit: number
  readonly seq: number
}

/**
 * Before everything.
 *
 * @category constants
 * @since 0.1.0
 */
export const start: Place = { commit: 0, seq: 0 }

/**
 * Of the event with this `seq` in the commit.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (commit: number | string, seq: number): Position => Position.make(`${commit}.${seq}`)

/**
 * By commit, then by `seq`.
 *
 * @category ordering
 * @since 0.1.0
 */
export const order: Order.Order<Place> = Order.combine(
  Order.mapInput(Order.Number, ({ commit }: Place) => commit),
  Order.mapInput(Order.Number, ({ seq }: Place) => seq)
)

/**
 * What a position looks like.
 *
 * @category constants
 * @since 0.1.0
 */
export const pattern = /^(\d{1,15})(?:\.(\d{1,15}))?$/

/**
 * Reads a position; none if no store has made it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parse = (position: string): Option.Option<Place> => {
  const found = pattern.exec(position)
  if (found === null) return Option.none()
  const [, commit, seq] = found
  return Option.some({ commit: Number(commit), seq: seq === undefined ? Number.MAX_SAFE_INTEGER : Number(seq) })
}
