/**
 * Where an event lies in the one order over all threads: its number there. A commit has the position of its last event; one
 * without events has a number of its own.
 *
 * @since 0.1.0
 */
import { Option } from "effect"
import { Position } from "../domain/Ids.ts"

/**
 * Of the event with this number.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (place: number): Position => Position.make(String(place))

/**
 * Of the event that so many others of its commit follow.
 *
 * @category constructors
 * @since 0.1.0
 */
export const before = (position: Position, count: number): Position => of(placeOf(position) - count)

/**
 * What a position looks like.
 *
 * @category constants
 * @since 0.1.0
 */
export const pattern = /^\d{1,15}$/

/**
 * Reads a position; none if no store has made it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parse = (position: string): Option.Option<number> =>
  pattern.test(position) ? Option.some(Number(position)) : Option.none()

/**
 * The number of a position; 0, which is before everything, if no store has made it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const placeOf = (position: Position): number => Option.getOrElse(parse(position), () => 0)
