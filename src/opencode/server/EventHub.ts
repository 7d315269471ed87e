/**
 * The one subscription to a server's events, shared by all its sessions.
 *
 * States: connecting, connected, lost. Connected begins with the server's greeting; a read error, the end of the
 * stream, or silence beyond the server's heartbeat (10 s in OpenCode 1.18.33) drops it, and it reconnects with
 * back-off. Every subscriber then gets one `Restored`: frames in between are gone. It is lost, for good, when the server's
 * process ends or no attempt succeeds for about a minute; then all queues end.
 *
 * The server greets before it listens to itself, and what happens in between is in no frame: of single calls right after
 * the greeting more than half went unheard, one 50 ms later did not (1.18.33). So a session makes the server say something
 * of it until it is heard ({@link EventHub.listening}), before its first prompt and before it reads what it missed.
 *
 * **Gotchas**
 *
 * A subscriber that does not read fills its queue and then holds up the whole subscription, the other
 * sessions included. Nothing is ever dropped on this side.
 */
import {
  type Cause,
  Clock,
  Deferred,
  Duration,
  Effect,
  Exit,
  Latch,
  Queue,
  Schedule,
  Schema,
  type Scope,
  Semaphore
} from "effect"
import type { Heard, SessionFrame } from "./Connection.ts"
import { authorization, type Endpoint, request, urlOf } from "./Endpoint.ts"
import { allowedAlways, makeParser, parentOf, type RoutedFrame } from "./EventFrames.ts"
import { fetchDirect } from "./Loopback.ts"
import * as SessionTree from "./SessionTree.ts"

export interface Options {
  /** Completes when the server is known to be gone. */
  readonly serverLost?: Effect.Effect<unknown> | undefined
  /** Silence after which the stream counts as dropped. Default: 30 seconds, three heartbeats. */
  readonly silence?: Duration.Input | undefined
  /** Back-off between attempts to reconnect; when it ends, the server is lost. */
  readonly reconnect?: Schedule.Schedule<unknown, unknown> | undefined
}

export interface EventHub {
  readonly subscribe: (
    sessionId: string
  ) => Effect.Effect<Queue.Dequeue<Heard, Cause.Done>, never, Scope.Scope>
  /** Answers when the server says all that happens, for which `provoke` makes it say something. Gives up in the end. */
  readonly listening: (provoke: Effect.Effect<unknown, unknown>) => Effect.Effect<void>
  /** Directories in which a request was answered with "always". */
  readonly unasking: Set<string>
  /** Completes when the hub has given up or the server has ended. */
  readonly lost: Deferred.Deferred<void>
}

type Subscriber = Queue.Queue<Heard, Cause.Done>

class StreamDropped
  extends Schema.TaggedError<StreamDropped>("effect-coding-agents/opencode/StreamDropped")("OpenCodeStreamDropped", {
    cause: Schema.Defect()
  })
{}

export const make = Effect.fnUntraced(function*(
  endpoint: Endpoint,
  options: Options = {}
): Effect.fn.Return<EventHub, never, Scope.Scope> {
  const subscribers = new Map<string, Set<Subscriber>>()
  const tree = SessionTree.make()
  const unasking = new Set<string>()
  const connected = yield* Latch.make()
  const heard = yield* Latch.make()
  const provokers = yield* Semaphore.make(4)
  const lost = yield* Deferred.make<void>()
  const silence = Duration.toMillis(options.silence ?? Duration.seconds(30))

  const toAll = Effect.fnUntraced(function*(frame: Exclude<Heard, SessionFrame>) {
    for (const queue of queuesOf(subscribers)) yield* Queue.offer(queue, frame)
  })

  // A session that no frame has introduced: an old subagent that works again, or one created while the stream was down.
  const introduce = Effect.fnUntraced(function*(sessionId: string, directory: string | undefined) {
    const query = directory === undefined ? "" : `?directory=${encoded(directory)}`
    const path = `/session/${encoded(sessionId)}${query}`
    const { status, body } = yield* request(endpoint, "session.get", path, { deadline: "5 seconds" })
    const info = status === 200 ? yield* Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))(body) : undefined
    return parentOf(info) ?? null
  }, Effect.orElseSucceed(() => null))

  const route = Effect.fnUntraced(function*(frames: ReadonlyArray<RoutedFrame>) {
    const batches = new Map<Subscriber, Array<SessionFrame>>()
    for (const { _tag, sessionId, type, properties, directory, parentId } of frames) {
      if (parentId !== undefined) tree.learn(sessionId, parentId)
      let found = tree.find(sessionId, (id) => subscribers.has(id))
      while (typeof found === "object" && subscribers.size > 0) {
        tree.learn(found.unknown, yield* introduce(found.unknown, directory))
        found = tree.find(sessionId, (id) => subscribers.has(id))
      }
      if (type === "session.deleted") tree.forget(sessionId)
      if (typeof found !== "string") continue
      for (const queue of subscribers.get(found) ?? []) {
        const batch = batches.get(queue)
        const frame: SessionFrame = { _tag, sessionId, type, properties }
        if (batch === undefined) batches.set(queue, [frame])
        else batch.push(frame)
      }
    }
    for (const [queue, batch] of batches) yield* Queue.offerAll(queue, batch)
    for (const directory of frames.flatMap(allowedAlways)) {
      unasking.add(directory)
      yield* toAll({ _tag: "AllowedAlways", directory })
    }
  })

  // Fails if no connection was made; succeeds when a connection that was greeted has dropped.
  const follow = Effect.gen(function*() {
    const reader = yield* open(endpoint)
    const parse = makeParser()
    let greeted = false
    // Silence is counted only while reading: back-pressure from a subscriber is not the server's.
    let readingSince = yield* Clock.currentTimeMillis
    const read = Effect.gen(function*() {
      while (true) {
        readingSince = yield* Clock.currentTimeMillis
        const { done, value } = yield* Effect.tryPromise({ try: () => reader.read(), catch: dropped })
        readingSince = Number.POSITIVE_INFINITY
        if (done) return yield* dropped("the stream ended")
        const batch = parse(value)
        if (batch.tooLong) return yield* dropped("a line without an end")
        if (batch.undecodable > 0) yield* Effect.logWarning("OpenCode sent undecodable events", batch.undecodable)
        if (batch.connected && !greeted) {
          greeted = true
          yield* toAll({ _tag: "Restored" })
          yield* connected.open
        }
        for (const changed of batch.mcpChanged) yield* toAll(changed)
        if (batch.frames.length === 0) continue
        yield* heard.open
        yield* route(batch.frames)
      }
    })
    const watch = Effect.gen(function*() {
      while ((yield* Clock.currentTimeMillis) - readingSince <= silence) yield* Effect.sleep(silence / 4)
      return yield* dropped("no heartbeat")
    })
    yield* Effect.raceFirst(read, watch).pipe(
      Effect.catch((error) => greeted ? Effect.logDebug("OpenCode event stream dropped", error) : Effect.fail(error))
    )
  }).pipe(Effect.scoped, Effect.ensuring(Effect.andThen(connected.close, heard.close)))

  const run = Effect.retry(follow, options.reconnect ?? untilGivenUp).pipe(
    Effect.andThen(Effect.sleep("20 millis")),
    Effect.forever,
    Effect.ignore
  )
  yield* Effect.raceFirst(run, options.serverLost ?? Effect.never).pipe(
    Effect.ensuring(Effect.suspend(() => {
      Deferred.doneUnsafe(lost, Exit.void)
      for (const queue of queuesOf(subscribers)) Queue.endUnsafe(queue)
      return Effect.void
    })),
    Effect.forkScoped
  )

  const subscribe = Effect.fnUntraced(function*(sessionId: string) {
    const queue: Subscriber = yield* Queue.bounded<Heard, Cause.Done>(
      queueCapacity
    )
    yield* Effect.raceFirst(connected.await, Deferred.await(lost))
    if (Deferred.isDoneUnsafe(lost)) {
      yield* Queue.end(queue)
      return queue
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => subscribers.set(sessionId, new Set([...subscribers.get(sessionId) ?? [], queue]))),
      () =>
        Effect.suspend(() => {
          const others = new Set(subscribers.get(sessionId))
          others.delete(queue)
          if (others.size === 0) subscribers.delete(sessionId)
          else subscribers.set(sessionId, others)
          // Ended for a reader that still takes, then shut for the hub that may be waiting to offer.
          return Effect.andThen(Queue.end(queue), Queue.shutdown(queue))
        })
    )
    return queue
  })

  const listening = (provoke: Effect.Effect<unknown, unknown>) =>
    Effect.suspend(() => {
      if (heard.isOpen()) return Effect.void
      // A few of the sessions that start now speak for all: what is heard of one shows that the stream carries all.
      const provoking = provokers.withPermits(1)(Effect.repeat(Effect.ignore(provoke), Schedule.spaced("50 millis")))
      return Effect.raceAllFirst([heard.await, Deferred.await(lost), provoking]).pipe(
        Effect.timeoutOrElse({
          duration: "5 seconds",
          orElse: () => Effect.logWarning("OpenCode has said nothing of a session on its event stream")
        })
      )
    }).pipe(Effect.asVoid)

  return { subscribe, listening, unasking, lost }
})

const queueCapacity = 4096

/** JSON strings may hold half a surrogate pair, for which `encodeURIComponent` throws. */
const encoded = (text: string) => encodeURIComponent(text.toWellFormed())

const untilGivenUp = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.upTo({ times: 18 })
)

const queuesOf = (subscribers: ReadonlyMap<string, ReadonlySet<Subscriber>>) =>
  [...subscribers.values()].flatMap((queues) => Array.from(queues))

const dropped = (cause: unknown) => new StreamDropped({ cause })

const open = Effect.fnUntraced(function*(endpoint: Endpoint) {
  const controller = yield* Effect.acquireRelease(
    Effect.sync(() => new AbortController()),
    (controller) => Effect.sync(() => controller.abort())
  )
  const response = yield* Effect.tryPromise({
    try: () =>
      fetchDirect(urlOf(endpoint, "/global/event"), {
        headers: authorization(endpoint),
        signal: controller.signal
      }),
    catch: dropped
  }).pipe(Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.fail(dropped("no answer")) }))
  if (!response.ok || response.body === null) return yield* dropped(response.status)
  return response.body.getReader()
})
