/** Our calls to a peer, and their answers. */
import { Deferred, type Duration, Effect, Exit } from "effect"
import { type Ended, PeerClosed, PeerRefused, PeerTimeout } from "../PeerError.ts"
import type { PeerFrame, PeerProtocol } from "../PeerProtocol.ts"
import type { Report } from "../PeerReport.ts"
import type { PeerWriter } from "./peerWriter.ts"

interface Open {
  readonly method: string
  readonly answer: Deferred.Deferred<unknown, PeerClosed | PeerRefused>
}

/** Stdin is closed. */
const unwritten = { _tag: "Unwritten" } as const

export const closed = (operation: string, { exit, tail }: Ended): PeerClosed =>
  new PeerClosed({ operation, ...(exit === undefined ? {} : { exit }), tail })

export const make = (options: {
  readonly protocol: PeerProtocol
  readonly writer: PeerWriter
  readonly deadline: Duration.Input
  readonly howEnded: Effect.Effect<Ended>
}) => {
  const { howEnded, protocol, writer } = options
  const open = new Map<number, Open>()
  let last = 0
  let ended: Ended | undefined

  const awaited = Effect.fnUntraced(function*(id: number, { answer, method }: Open, params: object | undefined) {
    let written = false
    return yield* writer.write(() => protocol.call(id, method, params)).pipe(
      Effect.flatMap((accepted): Effect.Effect<unknown, PeerClosed | PeerRefused | typeof unwritten> => {
        written = accepted
        return accepted ? Deferred.await(answer) : Effect.fail(unwritten)
      }),
      Effect.ensuring(Effect.suspend(() => {
        // Still open: it was interrupted, or ran into its deadline.
        const forgotten = open.delete(id) && written
        return forgotten && protocol.cancel !== undefined
          ? writer.writeSoon(protocol.cancel(id, method))
          : Effect.void
      }))
    )
  })

  return {
    call: Effect.fn("StdioPeer.call")(function*(
      method: string,
      params?: object,
      { deadline = options.deadline }: { readonly deadline?: Duration.Input | undefined } = {}
    ): Effect.fn.Return<unknown, PeerClosed | PeerTimeout | PeerRefused> {
      yield* Effect.annotateCurrentSpan({ method })
      if (ended !== undefined) return yield* closed(method, ended)
      const id = ++last
      const call: Open = { method, answer: Deferred.makeUnsafe() }
      open.set(id, call)
      return yield* Effect.timeoutOrElse(awaited(id, call, params), {
        duration: deadline,
        orElse: () => Effect.fail(new PeerTimeout({ operation: method }))
      }).pipe(
        Effect.catchTag("Unwritten", () => Effect.flatMap(howEnded, (how) => Effect.fail(closed(method, how))))
      )
    }),

    /** Answers with a report where there is no such call. */
    settle: (frame: Extract<PeerFrame, { readonly _tag: "Answer" | "Refused" }>): Report | undefined => {
      const { id } = frame
      const call = typeof id === "number" ? open.get(id) : undefined
      if (typeof id !== "number" || call === undefined) {
        return { _tag: "StrayAnswer", id, late: Number.isInteger(id) && Number(id) >= 1 && Number(id) <= last }
      }
      open.delete(id)
      if (frame._tag === "Answer") {
        Deferred.doneUnsafe(call.answer, Exit.succeed(frame.result))
      } else {
        const { code, data, message } = frame.refusal
        const refused = new PeerRefused({
          operation: call.method,
          ...(code === undefined ? {} : { code }),
          reason: message,
          data
        })
        Deferred.doneUnsafe(call.answer, Exit.fail(refused))
      }
      return undefined
    },

    /** Fails the open calls, and those to come. */
    end: (how: Ended): void => {
      ended ??= how
      for (const [id, { answer, method }] of open) {
        open.delete(id)
        Deferred.doneUnsafe(answer, Exit.fail(closed(method, how)))
      }
    }
  }
}
