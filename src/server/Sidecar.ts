/**
 * A server beside an app in another language: the app starts it, reads one line of JSON from its stdout, and calls it by
 * HTTP or RPC. It ends with the app, also when the app is killed and can say nothing.
 *
 * **Example** (what `eca serve --sidecar` does)
 *
 * ```ts
 * const Main = Sidecar.run({
 *   version: "0.1.0",
 *   server: (token) => Server.serve(Server.layer({ token })).pipe(
 *     Layer.provide(Agents), // CodingAgents.layer({ ... })
 *     Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 */
import { Context, Effect, Fiber, Function, Layer, Logger, Redacted, Schema } from "effect"
import { HttpServer } from "effect/http"
import { randomBytes } from "node:crypto"
import * as parent from "./internal/parent.ts"

/**
 * The line that a sidecar prints once it can be called.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Announcement = Schema.Struct({
  /** As `http://127.0.0.1:49152`. */
  url: Schema.String,
  /** What every call has to bring. Made for this process, and nowhere else. */
  token: Schema.String,
  pid: Schema.Int,
  version: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Announcement extends Schema.Schema.Type<typeof Announcement> {}

/**
 * Succeeds once the process that has started this one is gone: its end of our stdin is closed, or we have another parent.
 *
 * @category operations
 * @since 0.1.0
 */
export const parentEnds: Effect.Effect<void> = Effect.flatMap(
  parent.isPipe,
  (pipe) => pipe ? Effect.raceFirst(parent.stdinEnds, parent.replaced) : parent.replaced
)

/**
 * Serves until the parent ends. Logs go to stderr, so that stdout has the one line. The server is given the token that it has to ask for, and closed in order.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*<E, R>(options: {
  readonly version: string
  readonly server: (token: Redacted.Redacted<string>) => Layer.Layer<HttpServer.HttpServer, E, R>
}) {
  // In hex: it may be handed on as an argument, where one that begins with a `-` would be taken for a flag.
  const token = Redacted.make(randomBytes(32).toString("hex"))
  const ends = yield* Effect.forkChild(parentEnds, { startImmediately: true })
  const services = yield* Layer.build(options.server(token))
  const line = yield* Effect.orDie(
    Schema.encodeEffect(Schema.fromJsonString(Announcement))({
      url: HttpServer.formatAddress(Context.get(services, HttpServer.HttpServer).address),
      token: Redacted.value(token),
      pid: process.pid,
      version: options.version
    })
  )
  // The parent may be gone by now: nothing reads what is written then.
  yield* Effect.sync(() => process.stdout.on("error", Function.constVoid).write(`${line}\n`))
  yield* Fiber.join(ends)
}, (effect) => Effect.scoped(effect).pipe(Effect.provideService(Logger.LogToStderr, true)))
