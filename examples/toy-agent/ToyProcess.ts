/**
 * One running toy agent: calls go in as lines, replies and events come out.
 */
import { type Cause, Effect, Queue, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { AgentEnvironment, AgentProcess, type PeerProtocol, StdioPeer } from "../../src/adapter/index.ts"
import type { InstanceId } from "../../src/index.ts"
import { AgentUnreachable, type ProviderEvent } from "../../src/protocol.ts"
import * as Protocol from "./Protocol.ts"

export type ToyProcess = Effect.Success<ReturnType<typeof make>>

const agent = fileURLToPath(new URL("./agent.ts", import.meta.url))

/** Replies bear the id of their call; every other line is an event. */
const protocol: PeerProtocol.PeerProtocol = {
  read: (line) =>
    Protocol.isReply(line)
      ? { _tag: "Answer", id: Number(line.id), result: line }
      : { _tag: "Notification", method: "event", params: line },
  call: (id, operation, fields) => ({ id: String(id), do: operation, ...fields }),
  notification: (operation, fields) => ({ do: operation, ...fields }),
  answer: (id) => ({ id }),
  refusal: (id) => ({ id })
}

/** Starts the agent's process, with these variables for its commands. It ends, with its events, when the scope closes. */
export const make = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  folder: string,
  variables: AgentEnvironment.Variables = {}
) {
  const running = yield* AgentProcess.spawn({
    instanceId,
    executable: process.execPath,
    args: [agent, folder],
    variables: { ...AgentEnvironment.pick(AgentEnvironment.base), ...variables },
    stopDeadline: "2 seconds"
  })
  const events = yield* Queue.unbounded<ProviderEvent, Cause.Done>()
  const peer = yield* StdioPeer.make(running, {
    protocol,
    onNotification: ({ params }) => Queue.offerAll(events, Protocol.toEvents(params)),
    onReport: (report) => Queue.offer(events, { _tag: "Unrecognized", type: report._tag, raw: report })
  })
  yield* Effect.forkScoped(Effect.andThen(peer.closed, Queue.end(events)))
  const call = (operation: string, fields: Readonly<Record<string, string | undefined>>) =>
    Effect.flatMap(peer.call(operation, fields), Protocol.toReply).pipe(
      Effect.mapError(({ _tag }) => new AgentUnreachable({ instanceId, operation, code: _tag }))
    )
  return {
    events: Stream.fromQueue(events),
    exit: AgentProcess.ended(running),
    /** Succeeds with whatever the agent replies, a refusal included. */
    call,
    /** Fails where the agent refuses. */
    ask: <E>(
      operation: string,
      fields: Parameters<typeof call>[1],
      refused: (error: string, reply: Protocol.Reply) => E
    ) =>
      Effect.flatMap(
        call(operation, fields),
        (reply) => reply.error === undefined ? Effect.succeed(reply) : Effect.fail(refused(reply.error, reply))
      )
  }
})
