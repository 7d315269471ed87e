/** One answer on its way: what a reply is in the format of the API that was asked. */
import { Effect, Stream } from "effect"
import { type Failure, Reply } from "../ModelReply.ts"
import * as Http from "./http.ts"
import type { ModelRequest } from "./ModelRequest.ts"
import { gather, type Piece, pieces, textOf, type Wire } from "./Wire.ts"

/** `id` is unique to the answer. */
export const respond = (
  exchange: Http.Exchange,
  wire: Wire,
  request: ModelRequest,
  id: string,
  reply: Reply
): Effect.Effect<void> =>
  Reply.$match(reply, {
    Hang: () => Effect.never,
    Error: ({ failure }) => fail(exchange, wire, failure),
    Raw: ({ body, headers, status }) => Effect.andThen(Http.begin(exchange, status, headers), Http.end(exchange, body)),
    Answer: (answer) => (request.stream ? streamed : whole)(exchange, wire, request, id, answer)
  })

export const fail = (exchange: Http.Exchange, wire: Wire, failure: Failure) =>
  Http.json(exchange, failure.status, failure.body ?? wire.error(failure), failure.headers)

type Answer = Extract<Reply, { readonly _tag: "Answer" }>

const defaults = { input: 10, output: 5 }

const streamed = Effect.fnUntraced(function*(
  exchange: Http.Exchange,
  wire: Wire,
  request: ModelRequest,
  id: string,
  { end = "complete", finish = "stop", parts, usage = defaults }: Answer
) {
  const frames = wire.frames(request, id)
  const send = (all: ReadonlyArray<string>) => all.length === 0 ? Effect.void : Http.write(exchange, all.join(""))
  const sendPiece = (piece: Piece) => send(piece._tag === "Garbage" ? [piece.text] : frames.piece(piece))
  yield* Http.begin(exchange, 200, {
    "content-type": wire.streamType?.(request) ?? "text/event-stream",
    "cache-control": "no-cache"
  })
  yield* send(frames.open(usage))
  yield* Stream.runForEach(pieces(parts, id), sendPiece)
  if (end === "hang") return yield* Effect.never
  if (end === "cut") return yield* Http.cut(exchange)
  yield* send(frames.close(
    end === "complete" ? { _tag: "Finished", finish, usage } : { _tag: "Failed", failure: end }
  ))
  yield* Http.end(exchange)
})

const whole = Effect.fnUntraced(function*(
  exchange: Http.Exchange,
  wire: Wire,
  request: ModelRequest,
  id: string,
  { end = "complete", finish = "stop", parts, usage = defaults }: Answer
) {
  const all = yield* Stream.runCollect(pieces(parts, id))
  if (end === "hang") return yield* Effect.never
  if (typeof end === "object") return yield* fail(exchange, wire, end)
  const body = textOf(all, "Garbage") + JSON.stringify(wire.whole(request, id, gather(all, finish, usage)))
  if (end === "complete") return yield* Http.json(exchange, 200, body)
  yield* Http.begin(exchange, 200, { "content-type": "application/json", "content-length": String(body.length + 1) })
  yield* Http.write(exchange, body.slice(0, body.length / 2))
  yield* Http.cut(exchange)
})
