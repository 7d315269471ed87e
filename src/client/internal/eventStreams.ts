/** Streams that go on after what was seen, whatever becomes of the connection. */
import { Equal, Option, Stream } from "effect"
import type { Position, TurnId } from "../../domain/Ids.ts"
import { isEphemeral, type ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import * as EventPosition from "../../store/EventPosition.ts"
import * as calls from "./calls.ts"

type Service = ProviderService["Service"]

/** Ends where the local one does: the thread may also have been deleted while there was no connection. */
export const streamEvents = (remote: calls.Remote): Service["streamEvents"] => (input) =>
  Stream.suspend(() => {
    let { after } = input
    let last: ThreadEvent | undefined
    const isNew = (event: ThreadEvent): boolean => {
      if (!isEphemeral(event) && event.seq <= (after ?? 0)) return false
      const anew = event._tag === "Gap" && event.cause === "log-replaced"
      after = anew ? event.seq : Math.max(after ?? 0, event.seq)
      last = event
      return true
    }
    return calls.follow(
      remote,
      "streamEvents",
      () => Stream.filter(remote.send("streamEvents", { ...input, after }), isNew),
      () => last?._tag === "ThreadDeleted"
    ).pipe(
      Stream.catchTag("ThreadNotFound", (error) => {
        if (last === undefined) return Stream.fail(error)
        const { at, epoch, position, seq, threadId } = last
        return Stream.succeed<ThreadEvent>({ _tag: "ThreadDeleted", seq, threadId, epoch, at, position })
      })
    )
  })

const isBehind = (position: Position, after: Position | undefined): boolean =>
  after !== undefined &&
  Option.exists(EventPosition.parse(position), (place) => place <= EventPosition.placeOf(after))

export const streamAllEvents = (remote: calls.Remote): Service["streamAllEvents"] => (input) =>
  Stream.suspend(() => {
    let { after } = input
    return calls.follow(
      remote,
      "streamAllEvents",
      () =>
        Stream.filter(remote.send("streamAllEvents", { ...input, after }), (event) => {
          const isDurable = event._tag !== "FeedGap" && !isEphemeral(event)
          if (isDurable && isBehind(event.position, after)) return false
          after = event.position
          return true
        }),
      () => false
    )
  })

export const streamTranscript = (remote: calls.Remote): Service["streamTranscript"] => (input) =>
  Stream.suspend(() => {
    let after: TurnId | undefined = input.after
    return calls.follow(
      remote,
      "streamTranscript",
      () =>
        Stream.map(remote.send("streamTranscript", { ...input, after }), (turn) => {
          after = turn.turnId
          return turn
        }),
      () => true
    )
  })

/** Told once of what has not changed. */
export const watchOffers = (remote: calls.Remote): Service["watchOffers"] => (input) =>
  Stream.changesWith(
    Stream.suspend(() => calls.follow(remote, "watchOffers", () => remote.send("watchOffers", input), () => false)),
    Equal.equals
  )

export const signIn = (remote: calls.Remote): Service["signIn"] => (input) =>
  calls.once(remote, "signIn", () => remote.send("signIn", input))
