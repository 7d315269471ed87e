/** The peer's requests: one fiber each, answered once, interrupted when the peer no longer waits. */
import { Cause, Effect, Exit, Fiber, Option } from "effect"
import { codes, type PeerId, type PeerProtocol, type Refusal, type Request } from "../PeerProtocol.ts"
import type { Report } from "../PeerReport.ts"
import type { PeerWriter } from "./peerWriter.ts"

interface Open {
  readonly request: Request
  fiber: Fiber.Fiber<unknown, Refusal> | undefined
  interrupted: boolean
  /** What the peer is told when the handler is interrupted. */
  last: object | undefined
}

const openAtMost = 1_000

const refusals: Readonly<Record<"closing" | "too-many" | "unknown" | "died", Refusal>> = {
  closing: { code: codes.internal, message: "The client is closing" },
  "too-many": { code: codes.internal, message: "Too many open requests" },
  unknown: { code: codes.unknownMethod, message: "Method not found" },
  died: { code: codes.internal, message: "Internal error" }
}

export const make = ({ onReport, onRequest, protocol, writer }: {
  readonly protocol: PeerProtocol
  readonly writer: PeerWriter
  readonly onRequest: (request: Request) => Effect.Effect<unknown, Refusal> | undefined
  readonly onReport: (report: Report) => Effect.Effect<unknown>
}) => {
  const open = new Map<PeerId, Open>()
  let closing = false

  const refuse = (request: Request, why: "closing" | "too-many" | "unknown"): Effect.Effect<unknown> =>
    Effect.andThen(
      onReport({ _tag: "RequestRefused", request, why }),
      writer.writeSoon(protocol.refusal(request.id, refusals[why]))
    )

  const settled = (entry: Open) => (exit: Exit.Exit<unknown, Refusal>): Effect.Effect<unknown> => {
    const { request, last } = entry
    open.delete(request.id)
    if (Exit.isSuccess(exit)) return writer.write(() => protocol.answer(request.id, exit.value))
    if (Cause.hasInterrupts(exit.cause)) return last === undefined ? Effect.void : writer.writeSoon(last)
    const failed = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    if (failed === refusals.unknown) return refuse(request, "unknown")
    if (failed !== undefined) return writer.write(() => protocol.refusal(request.id, failed))
    return Effect.andThen(
      onReport({ _tag: "HandlerDied", request, cause: exit.cause }),
      writer.write(() => protocol.refusal(request.id, refusals.died))
    )
  }

  const interrupt = (entry: Open, last: object | undefined): void => {
    entry.last = last
    entry.interrupted = true
    entry.fiber?.interruptUnsafe()
  }

  const interruptOne = (id: PeerId, last: object | undefined): Effect.Effect<void> =>
    Effect.sync(() => {
      const entry = open.get(id)
      if (entry !== undefined) interrupt(entry, last)
    })

  return {
    serve: (request: Request): Effect.Effect<unknown> => {
      if (closing) return refuse(request, "closing")
      if (open.has(request.id)) return onReport({ _tag: "RepeatedRequest", request })
      if (open.size >= openAtMost) return refuse(request, "too-many")
      const handler = Effect.suspend(() => onRequest(request) ?? Effect.fail(refusals.unknown))
      const entry: Open = { request, fiber: undefined, interrupted: false, last: undefined }
      open.set(request.id, entry)
      return Effect.map(
        Effect.forkDetach(Effect.onExit(handler, settled(entry)), { startImmediately: true }),
        (fiber) => {
          entry.fiber = fiber
          // By what its own first steps set off.
          if (entry.interrupted) fiber.interruptUnsafe()
        }
      )
    },

    /** The peer no longer waits. It may have crossed our answer. */
    cancel: (id: PeerId): Effect.Effect<void> => interruptOne(id, protocol.cancelled?.(id)),

    forget: (id: PeerId): Effect.Effect<void> => interruptOne(id, undefined),

    /** From now on each is refused. */
    refuse: (): void => {
      closing = true
    },

    /** Interrupts all handlers, and waits for them. While we close, the peer may wait for an answer before it ends. */
    end: Effect.suspend(() => {
      const entries = Array.from(open.values())
      for (const entry of entries) {
        interrupt(entry, closing ? protocol.refusal(entry.request.id, refusals.closing) : undefined)
      }
      return Fiber.awaitAll(entries.flatMap(({ fiber }) => fiber === undefined ? [] : [fiber]))
    })
  }
}
