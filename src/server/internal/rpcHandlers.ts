/**
 * What the RPCs do: they hand on to the services of this process, for the caller of their connection.
 */
import { Cause, Effect, Exit, Fiber, Schema, type Scope, Stream, Struct } from "effect"
import { type Rpc, RpcSchema } from "effect/rpc"
import * as Messages from "../../api/Messages.ts"
import { Caller } from "../../api/Middleware.ts"
import { Rpcs, type RpcsOf } from "../../api/Rpc.ts"
import * as Operations from "../../service/Operations.ts"
import { InputInvalid } from "../../service/ServiceError.ts"
import * as access from "./access.ts"
import * as rpcAccess from "./rpcAccess.ts"
import * as uploads from "./uploads.ts"

/** A message of a stream has at most so many elements: its reader acknowledges one message before it is sent another. */
const messageSize = 128

const inMessages = <A, E>(stream: Stream.Stream<A, E>): Stream.Stream<A, E> =>
  stream.pipe(
    Stream.mapArray((elements) => Messages.split(elements, messageSize)),
    Stream.flattenArray
  )

const isInvalid = Schema.is(InputInvalid)

type Handler<R = Caller> = (input: unknown) => Effect.Effect<unknown, unknown, R> | Stream.Stream<unknown, unknown, R>

const byCaller = <A, E>(answer: Effect.Effect<A, E, Caller>): Effect.Effect<A, E> =>
  Effect.flatMap(rpcAccess.RpcCaller, (caller) => Effect.provideService(answer, Caller, caller))

/** Of the operations in this record. An input that does not fit is answered before the service is asked. */
function handlersOf<const Prefix extends string, All extends Record<string, Operations.Operation>>(
  prefix: Prefix,
  operations: All,
  service: access.Guarded<Operations.Handlers<NoInfer<All>>>
): { readonly [One in RpcsOf<Prefix, All> as One["_tag"]]: Rpc.ToHandlerFn<One, never> }
function handlersOf(
  prefix: string,
  operations: Record<string, Operations.Operation>,
  service: Readonly<Record<string, Handler>>
): object {
  return Object.fromEntries(
    Object.entries(operations).flatMap(([name, { stream }]) => {
      const run = service[name]
      if (run === undefined) return []
      const handler: Handler<never> = (input) => {
        if (isInvalid(input)) return stream === true ? Stream.fail(input) : Effect.fail(input)
        const answer = run(input)
        return Effect.isEffect(answer)
          ? byCaller(answer)
          : inMessages(Stream.unwrap(access.ofCaller(answer).pipe(byCaller)))
      }
      return [[`${prefix}${name}`, handler]]
    })
  )
}

/**
 * The caller of a running turn has given the call up: then the turn is interrupted, as it is in one process. If only its
 * connection was lost, the turn runs on, and the caller finds it in the log.
 */
const detached = (scope: Scope.Scope, run: access.Agents["runTurn"]): access.Agents["runTurn"] => (input) =>
  Effect.flatMap(
    Effect.forkIn(run(input), scope, { startImmediately: true }),
    (fiber) =>
      Effect.onExit(
        Fiber.join(fiber),
        (exit) => Exit.isFailure(exit) && exit.cause.reasons.some(isGivenUp) ? Fiber.interrupt(fiber) : Effect.void
      )
  )

const isGivenUp = (reason: Cause.Reason<unknown>): boolean =>
  Cause.isInterruptReason(reason) && reason.annotations.has(RpcSchema.ClientAbort.key)

/** The handlers of all RPCs, as a Layer on the services of this process. */
export const layer = Rpcs.toLayer(Effect.gen(function*() {
  const service = yield* access.agents
  const scope = yield* Effect.scope
  const plain = Struct.omit(Operations.service, ["importThread"])
  const { receive, run } = uploads.make(service.importThread)
  return {
    ...handlersOf("", plain, { ...service, runTurn: detached(scope, service.runTurn) }),
    ...handlersOf("archive.", Operations.archive, yield* access.archive),
    ...handlersOf("hooks.", Operations.hooks, yield* access.deliveries),
    importThread: (input) => isInvalid(input) ? Effect.fail(input) : byCaller(run(input)),
    "importThread.turns": receive
  }
}))
