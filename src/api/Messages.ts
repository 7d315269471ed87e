/** Elements of a stream as messages that are not too long, so that what else is on the connection does not wait for them. */
import { Array as Arr } from "effect"

/** So many characters, or one element. */
const longest = 1024 * 1024

/** What a value has in characters of JSON, more or less. */
const lengthOf = (value: unknown): number => {
  if (typeof value === "string") return value.length
  if (typeof value !== "object" || value === null) return 4
  return Object.values(value).reduce<number>((length, one) => length + 8 + lengthOf(one), 2)
}

/** The elements in their order, in messages of at most `most` elements. */
export const split = <A>(
  elements: Arr.NonEmptyReadonlyArray<A>,
  most: number
): Arr.NonEmptyReadonlyArray<Arr.NonEmptyReadonlyArray<A>> => {
  const [first, ...rest] = elements
  let message: Arr.NonEmptyArray<A> = [first]
  let length = lengthOf(first)
  const messages: Arr.NonEmptyArray<Arr.NonEmptyArray<A>> = [message]
  for (const element of rest) {
    const own = lengthOf(element)
    length += own
    if (message.length < most && length <= longest) message.push(element)
    else {
      message = [element]
      length = own
      messages.push(message)
    }
  }
  return messages
}
