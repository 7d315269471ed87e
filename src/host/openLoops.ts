/**
 * Streams that go on until the host has shut down: their last look at the store may come after it was closed, which is their
 * end and no failure.
 */
import { Predicate, Stream } from "effect"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"

export const make = ({ closed }: Pick<ThreadDeps, "closed">) => <A, E>(stream: Stream.Stream<A, E>) =>
  Stream.catchIf(stream, (error) => closed() && Predicate.isTagged(error, "StoreFailed"), () => Stream.empty)
