/**
 * Calls and streams of a server that may be away for a while: what can be repeated is, and what is lost is a typed error.
 */
import { Cause, Clock, Duration, Effect, Predicate, Schedule, Stream } from "effect"
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
  /** Made again, a call might have the same fate: what it says, or what it is answered, is too long for the connection. */
  readonly tooLong: boolean
  constructor(reason: ServerUnreachable["reason"], sent: boolean, tooLong = false) {
    this.reason = reason
    this.sent = sent
    this.tooLong = tooLong
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

/** The code of a WebSocket that was closed by a message which is too long. */
const tooLongCode = 1009

const isTooLong = ({ reason }: Lost): boolean => {
  switch (reason._tag) {
    case "SocketCloseError":
      return reason.code === tooLongCode
    case "RpcClientDefect":
      return Predicate.isTagged(reason.cause, "MaxBufferSizeExceeded")
    case "HttpError":
      return statusOf(reason.cause) === 413
    default:
      return false
  }
}

const cutOf = (link: Link.Link, lost: Lost): Cut => {
  const { reason } = lost
  if (reason._tag === "HttpError" && statusOf(reason.cause) === 401) return new Cut("unauthorized", false)
  if (reason._tag === "SocketOpenError") return new Cut("away", false)
  return Link.isRefused(link) ? new Cut("unauthorized", false) : new Cut("closed", true, isTooLong(lost))
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

const ready = ({ link }: Pick<Remote, "link">, patience: Duration.Duration): Effect.Effect<void, Cut> =>
  Effect.mapError(Link.ready(link, patience), (reason) => new Cut(reason, false))

const backoff = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

/**
 * One call. It is sent once there is a connection. `repeat`: it may be sent again after the connection was lost, because a
 * second time changes nothing more; otherwise it then fails.
 */
export const call = <A, E>(
  remote: Pick<Remote, "link" | "patience">,
  operation: string,
  repeat: boolean,
  send: Effect.Effect<A, E | Lost>
): Effect.Effect<A, E | ServerUnreachable> =>
  Effect.suspend(() => {
    const { link } = remote
    const patience = Duration.toMillis(remote.patience.calls)
    let sent = false
    /** Since when there is no server for it. */
    let since: number | undefined
    let isCutBefore = false
    const left = Effect.map(Clock.currentTimeMillis, (now) => patience - (now - (since ??= now)))
    const attempt = Effect.gen(function*() {
      yield* ready(remote, Duration.millis(Math.max(0, yield* left)))
      const begun = yield* Clock.currentTimeMillis
      const lost = Effect.map(Clock.currentTimeMillis, (now) => {
        // Cut once more, it had a server if it was under way for longer than the client is patient.
        if (!isCutBefore || now - begun > patience) since = now
        isCutBefore = true
      })
      return yield* Effect.tapCause(send, () => lost)
    })
    const answer: Effect.Effect<A, E | Cut> = attempt.pipe(
      Effect.mapError((error) => seen<E>(link, error)),
      Effect.catchCauseIf(isEnded, () => Effect.fail(new Cut("closed", true)))
    )
    const isAgain = (error: E | Cut) =>
      isCut(error) && error.reason !== "unauthorized" && !error.tooLong && (repeat || !sent)
    return answer.pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (isCut(error) && error.sent) sent = true
        })
      ),
      Effect.retry({
        schedule: backoff,
        while: (error) => isAgain(error) ? Effect.map(left, (millis) => millis > 0) : false
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
