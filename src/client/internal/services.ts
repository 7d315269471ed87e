/** The services of an app, over a link to a server. */
import { Context, Effect, Struct } from "effect"
import { RpcClient } from "effect/rpc"
import { Rpcs } from "../../api/Rpc.ts"
import { HookDeliveries } from "../../service/HookDeliveries.ts"
import * as Operations from "../../service/Operations.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import { TranscriptArchive } from "../../service/TranscriptArchive.ts"
import * as calls from "./calls.ts"
import { checked } from "./checked.ts"
import * as eventStreams from "./eventStreams.ts"
import type { Link } from "./link.ts"
import { watchThreads } from "./threadList.ts"
import * as turns from "./turns.ts"
import { importThread } from "./upload.ts"

type Send = (tag: string, input: unknown) => Effect.Effect<unknown, calls.Lost>

function anyOf(send: calls.Remote["send"]): Send
function anyOf(send: unknown): unknown {
  return send
}

/** Operations that are nothing but calls. What can be repeated is. */
function callsOf<All extends Record<string, Operations.Operation>>(
  remote: calls.Remote,
  prefix: string,
  operations: All
): Operations.Handlers<All>
function callsOf(remote: calls.Remote, prefix: string, operations: Record<string, Operations.Operation>): object {
  const send = anyOf(remote.send)
  return Object.fromEntries(
    Object.entries(operations).map(([name, { idempotent }]) => [
      name,
      (input: unknown) => calls.call(remote, name, idempotent, send(`${prefix}${name}`, input))
    ])
  )
}

/** Those that are more than a call: streams, and what must be put together again after a lost connection. */
const others = [
  "importThread",
  "runTurn",
  "sendTurn",
  "signIn",
  "streamAllEvents",
  "streamEvents",
  "streamTranscript",
  "watchOffers",
  "watchThreads"
] as const

/** For as long as its scope is open. */
export const make = Effect.fnUntraced(function*(link: Link, patience: calls.Patience) {
  const scope = yield* Effect.scope
  const send = yield* RpcClient.make(Rpcs, { flatten: true }).pipe(
    Effect.provideService(RpcClient.Protocol, link.protocol)
  )
  const remote: calls.Remote = { send, link, patience }
  const plain = Struct.omit(Operations.service, others)
  const service: ProviderService["Service"] = {
    ...callsOf(remote, "", plain),
    ...turns.make(remote, scope),
    importThread: importThread(remote),
    signIn: eventStreams.signIn(remote),
    streamAllEvents: eventStreams.streamAllEvents(remote),
    streamEvents: eventStreams.streamEvents(remote),
    streamTranscript: eventStreams.streamTranscript(remote),
    watchOffers: eventStreams.watchOffers(remote),
    watchThreads: watchThreads(remote)
  }
  const { archive, hooks } = Operations
  return Context.make(ProviderService, checked(Operations.service, service)).pipe(
    Context.add(TranscriptArchive, checked(archive, callsOf(remote, "archive.", archive))),
    Context.add(HookDeliveries, checked(hooks, callsOf(remote, "hooks.", hooks)))
  )
})
