/** What tests of the door without Effect wait for. */
import { assert } from "@effect/vitest"

/** What a Promise rejects with. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then((value) => assert.fail(`it answered ${JSON.stringify(value)}`), (error: unknown) => error)

export const collect = async <A>(iterable: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for await (const one of iterable) all.push(one)
  return all
}
