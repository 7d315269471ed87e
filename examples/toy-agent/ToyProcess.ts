/**
 * One running toy agent: calls go in as lines, replies and events come out.
 */
import { type Cause, Deferred, Effect, Option, Queue, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { AgentEnvironment, AgentProcess } from "../../src/adapter/index.ts"
import { type InstanceId } from "../../src/index.ts"
import {
  type AgentNotExecutable,
  type AgentNotFound,
  AgentUnreachable,
  type ProviderEvent
} from "../../src/protocol.ts"
import type { ProcessExit } from "../../src/provider/index.ts"
import * as Protocol from "./Protocol.ts"

export interface ToyProcess {
  /** Succeeds with whatever the agent replies, a refusal included. */
  readonly call: (
    operation: string,
    fields: Readonly<Record<string, string | undefined>>
  ) => Effect.Effect<Protocol.Reply, AgentUnreachable>
  /** Ends when the process has. */
  readonly events: Stream.Stream<ProviderEvent>
  readonly exit: Effect.Effect<ProcessExit | undefined>
}

const agent = fileURLToPath(new URL("./agent.ts", import.meta.url))

/** The process ends with the Scope. It has none of our variables but those that every program needs. */
export const make = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  folder: string
): Effect.fn.Return<
  ToyProcess,
  AgentNotFound | AgentNotExecutable,
  AgentProcess.Needs
> {
  const running = yield* AgentProcess.spawn({
    instanceId,
    executable: process.execPath,
    args: [agent, folder],
    variables: AgentEnvironment.pick(AgentEnvironment.base),
    stopDeadline: "2 seconds"
  })

  const input = yield* Queue.unbounded<string, Cause.Done>()
  yield* Stream.fromQueue(input).pipe(
    Stream.encodeText,
    Stream.run(running.stdin),
    Effect.ignore,
    Effect.forkScoped
  )

  const events = yield* Queue.unbounded<ProviderEvent, Cause.Done>()
  const gone = yield* Deferred.make<void>()
  const calls = new Map<string, Deferred.Deferred<Protocol.Reply>>()
  yield* running.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => {
      const frame = Option.getOrElse(Protocol.parse(line), () => line)
      if (!Protocol.isReply(frame)) return Queue.offerAll(events, Protocol.toEvents(frame))
      const call = calls.get(frame.id)
      calls.delete(frame.id)
      return call === undefined ? Effect.void : Deferred.succeed(call, frame)
    }),
    Effect.ignore,
    Effect.ensuring(Effect.andThen(Deferred.succeed(gone, undefined), Queue.end(events))),
    Effect.forkScoped
  )

  let lastId = 0
  return {
    events: Stream.fromQueue(events),
    exit: AgentProcess.ended(running),
    call: Effect.fnUntraced(function*(operation, fields) {
      const id = String(++lastId)
      const reply = yield* Deferred.make<Protocol.Reply>()
      calls.set(id, reply)
      yield* Queue.offer(input, `${JSON.stringify({ id, do: operation, ...fields })}\n`)
      return yield* Effect.raceFirst(
        Deferred.await(reply),
        Effect.andThen(Deferred.await(gone), new AgentUnreachable({ instanceId, operation, code: "EPIPE" }))
      )
    })
  }
})
