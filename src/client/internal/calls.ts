/**
 * Calls and streams of a server that may be away for a while: what can be repeated is, and what is lost is a typed error.
 */
import { Cause, type Duration, Effect, Predicate, Schedule, Stream } from "effect"
import { type RpcClient, RpcClientError } from "effect/rpc"
import { Socket } from "effect/socket"
import type { Rpcs } from "../../api/Rpc.ts"
import { ServerUnreachable } from "../../service/ServiceError.ts"
import * as Link from "./link.ts"

/** A call that the connection may have been lost of. */
export type Lost = RpcClientError.RpcClientError

/** How long the server may be away. */
export interface Patience {
  readonly calls: Duration.Duration
  readonly streams: Duration.Duration
}

export interface Remote {
  readonly send: RpcClient.RpcClient.Flat<Rpcs, Lost>
  readonly link: Link.Link
  readonly patience: Patience
}

/** There is no answer: the call was not sent, or its connection was lost. */
class Cut {
  readonly reason: ServerUnreachable["reason"]
  readonly sent: boolean
  constructor(reason: ServerUnreachable["reason"], sent: boolean) {
    this.reason = reason
    this.sent = sent
  }
  failure(operation: string, sent: boolean) {
    return new ServerUnreachable({ operation, reason: this.reason, outcome: sent ? "unknown" : "not-done" })
  }
}

const isCut = (u: unknown): u is Cut => u instanceof Cut
const isLost = (u: unknown): u is Lost => u instanceof RpcClientError.RpcClientError

const statusOf = (cause: unknown): unknown =>
  Predicate.hasProperty(cause, "response") && Predicate.hasProperty(cause.response, "status")
    ? cause.response.status
    : undefined

const cutOf = (link: Link.Link, { reason }: Lost): Cut => {
  if (reason._tag === "HttpError" && statusOf(reason.cause) === 401) return new Cut("unauthorized", false)
  if (reason._tag === "SocketOpenError") return new Cut("away", false)
  return Link.isRefused(link) ? new Cut("unauthorized", false) : new Cut("closed", true)
}

/** The server has ended what it did, since it shuts down, or nothing could be written to it any more. */
const isEnded = <E>(cause: Cause.Cause<E>): boolean =>
  Cause.hasInterruptsOnly(cause) ||
  cause.reasons.some((reason) => Cause.isDieReason(reason) && Socket.isSocketError(reason.defect))

/** What went wrong, with a lost connection told apart. */
const seen = <E>(link: Link.Link, error: E | Lost | Cut): E | Cut => isLost(error) ? cutOf(link, error) : error

/** What the caller is told. */
const told = <E>(operation: string, error: E | Cut, sent: boolean): E | ServerUnreachable =>
  isCut(error) ? error.failure(operation, sent) : error

const ready = ({ link }: Remote, patience: Duration.Duration): Effect.Effect<void, Cut> =>
  Effect.mapError(Link.ready(link, patience), (reason) => new Cut(reason, false))

const backoff = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

/**
 * One call. It is sent once there is a connection. `repeat`: it may be sent again after the connection was lost, because a
 * second time changes nothing more; otherwise it then fails.
 */
export const call = <A, E>(
  remote: Remote,
  operation: string,
  repeat: boolean,
  send: Effect.Effect<A, E | Lost>
): Effect.Effect<A, E | ServerUnreachable> =>
  Effect.suspend(() => {
    const { link, patience } = remote
    let sent = false
    const answer: Effect.Effect<A, E | Cut> = Effect.andThen(ready(remote, patience.calls), send).pipe(
      Effect.mapError((error) => seen<E>(link, error)),
      Effect.catchCauseIf(isEnded, () => Effect.fail(new Cut("closed", true)))
    )
    return answer.pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (isCut(error) && error.sent) sent = true
        })
      ),
      Effect.retry({
        schedule: Schedule.upTo(backoff, { duration: patience.calls }),
        while: (error) => isCut(error) && error.reason !== "unauthorized" && (repeat || !sent)
      }),
      Effect.mapError((error) => told<E>(operation, error, sent))
    )
  })

const subscribed = <A, E>(
  remote: Remote,
  patience: Duration.Duration,
  subscribe: () => Stream.Stream<A, E | Lost>
): Stream.Stream<A, E | Cut> =>
  Stream.unwrap(Effect.map(ready(remote, patience), subscribe)).pipe(
    Stream.mapError((error) => seen<E>(remote.link, error)),
    Stream.catchCauseIf(isEnded, () => Stream.fail(new Cut("closed", true)))
  )

/**
 * A stream that goes on after each loss of the connection: `subscribe` asks for what follows what was seen. `isOver` says
 * whether an end is the end, and not that of a server which shuts down.
 */
export const follow = <A, E>(
  remote: Remote,
  operation: string,
  subscribe: () => Stream.Stream<A, E | Lost>,
  isOver: () => boolean
): Stream.Stream<A, E | ServerUnreachable> => {
  const whole: Stream.Stream<A, E | Cut> = Stream.concat(
    subscribed(remote, remote.patience.streams, subscribe),
    Stream.suspend(() => isOver() ? Stream.empty : Stream.fail(new Cut("closed", true)))
  )
  return whole.pipe(
    Stream.retry(backoff.pipe(
      Schedule.setInputType<E | Cut>(),
      Schedule.while(({ input }) => isCut(input) && input.reason === "closed")
    )),
    Stream.mapError((error) => told<E>(operation, error, false))
  )
}

/** A stream that cannot be gone on with. */
export const once = <A, E>(
  remote: Remote,
  operation: string,
  subscribe: () => Stream.Stream<A, E | Lost>
): Stream.Stream<A, E | ServerUnreachable> =>
  Stream.mapError(
    subscribed(remote, remote.patience.calls, subscribe),
    (error) => told<E>(operation, error, isCut(error) && error.sent)
  )
