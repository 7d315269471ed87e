/**
 * Our side of the compaction gate: a listener on the loopback interface. OpenCode's plugin ({@link
 * ./CompactionPlugin.js}) says hello to it, and asks it before each compaction.
 *
 * A registered session answers for itself. A compaction of any other session, a subagent's included, is allowed at
 * once. If the plugin hangs up while it waits, the answer that is being prepared is interrupted.
 *
 * **Gotchas**
 *
 * A plugin that does not load says nothing at all, so the hello is the only proof that the agent will ask. It is kept
 * per directory, because OpenCode loads its plugins once in each.
 */
import {
  Clock,
  Deferred,
  Duration,
  Effect,
  FiberSet,
  Option,
  Redacted,
  Result,
  Schedule,
  Schema,
  type Scope
} from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import { createHash, timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { fileURLToPath } from "node:url"
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentUnreachable } from "../../provider/AdapterError.ts"
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"

/** The address and token that the plugin of an external server reads from its file. */
export interface Address {
  readonly port: number
  readonly token: Redacted.Redacted<string>
}

export interface Gate {
  readonly url: string
  readonly token: Redacted.Redacted<string>
  /** Whether the plugin has said hello for this directory. Waits a moment if it may not have had the time. */
  readonly greeted: (directory: string) => Effect.Effect<boolean>
  /**
   * Registers the session as one to ask, for as long as the scope is open. Closing the scope refuses what is being
   * asked.
   */
  readonly register: (sessionId: string) => Effect.Effect<Registration, never, Scope.Scope>
}

export interface Registration {
  /** Sets what answers from now on. Until then everything is refused. */
  readonly answer: (ask: Effect.Effect<CompactionVerdict>) => void
  /** Refuses what is being asked: the agent no longer waits for it. */
  readonly abandon: (reason: string) => Effect.Effect<void>
}

/** The plugin's URL, for OpenCode's configuration. */
export const plugin = new URL("./CompactionPlugin.js", import.meta.url).href

/** The plugin's path, for people. */
export const pluginPath = fileURLToPath(plugin)

/** How often an external server's plugin should say hello. */
export const helloMillis = 5000

interface Asked {
  ask: Effect.Effect<CompactionVerdict>
  readonly waiting: Set<Deferred.Deferred<CompactionVerdict>>
}

/** Listens at the address that an external server's plugin knows, or at a free port for a server of our own. */
export const make = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  address?: Address
): Effect.fn.Return<Gate, AgentUnreachable, Scope.Scope> {
  const token = address?.token ?? Redacted.make(Hex.encode(SecureRandom.randomBytesUnsafe(32)))
  const sessions = new Map<string, Asked>()
  const greetings = new Map<string, number>()
  const openedAt = yield* Clock.currentTimeMillis
  const run = yield* FiberSet.makeRuntime<never, void, never>()

  const greeted = (directory: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const at = greetings.get(directory)
      return at !== undefined && (address === undefined || now - at < 3 * helloMillis)
    })
  // A plugin that was running before this listener says hello again before this is over.
  const early = Effect.map(Clock.currentTimeMillis, (now) => address !== undefined && now - openedAt < 2 * helloMillis)

  const asked = (sessionId: string): Effect.Effect<CompactionVerdict> =>
    Effect.gen(function*() {
      const session = sessions.get(sessionId)
      if (session === undefined) return allowed
      const abandoned = yield* Deferred.make<CompactionVerdict>()
      session.waiting.add(abandoned)
      return yield* Effect.raceFirst(session.ask, Deferred.await(abandoned)).pipe(
        Effect.catchDefect(() => Effect.succeed(veto("what was to be done before it failed"))),
        Effect.ensuring(Effect.sync(() => session.waiting.delete(abandoned)))
      )
    }).pipe(Effect.withSpan("OpenCode.Gate.asked", { attributes: { sessionId } }))

  const answer = Effect.fnUntraced(function*(incoming: IncomingMessage, response: ServerResponse) {
    if (!matches(token, incoming.headers.authorization)) return reply(response, 401, { error: "token" })
    if (incoming.method !== "POST") return reply(response, 405, { error: "method" })
    const body = yield* readBody(incoming)
    if (Option.isNone(body)) return reply(response, 413, { error: "too long" })
    if (incoming.url === "/hello") {
      const hello = decodeHello(body.value)
      if (Result.isFailure(hello)) return reply(response, 400, { error: "body" })
      greetings.set(hello.success.directory, yield* Clock.currentTimeMillis)
      return reply(response, 200, {})
    }
    if (incoming.url === "/compacting") {
      const compacting = decodeCompacting(body.value)
      if (Result.isFailure(compacting)) return reply(response, 400, { error: "body" })
      return reply(response, 200, yield* asked(compacting.success.sessionID))
    }
    return reply(response, 404, { error: "path" })
  })

  const port = yield* listen(instanceId, address?.port ?? 0, (incoming, response) => {
    run(Effect.raceFirst(answer(incoming, response), hungUp(response)))
  })

  return {
    url: `http://127.0.0.1:${port}`,
    token,
    greeted: (directory) =>
      Effect.zipWith(greeted(directory), early, (greeted, early) => ({ greeted, early })).pipe(
        Effect.repeat({ until: ({ early, greeted }) => greeted || !early, schedule: Schedule.spaced("50 millis") }),
        Effect.map(({ greeted }) => greeted)
      ),
    register: Effect.fnUntraced(function*(sessionId) {
      const session: Asked = { ask: Effect.succeed(veto("the session is being started")), waiting: new Set() }
      const abandon = (reason: string) =>
        Effect.forEach(Array.from(session.waiting), (waiting) => Deferred.succeed(waiting, veto(reason)), {
          discard: true
        })
      yield* Effect.acquireRelease(
        Effect.sync(() => sessions.set(sessionId, session)),
        () =>
          Effect.suspend(() => {
            if (sessions.get(sessionId) === session) sessions.delete(sessionId)
            return abandon("the session was stopped")
          })
      )
      return { answer: (ask) => void (session.ask = ask), abandon }
    })
  }
})

const allowed: CompactionVerdict = { _tag: "Allow", context: [] }
const veto = (reason: string): CompactionVerdict => ({ _tag: "Veto", reason })

/** The plugin's settings file, for a server of our own. */
export const settings = ({ token, url }: Gate, deadline: Duration.Input | undefined): string =>
  JSON.stringify({
    url,
    token: Redacted.value(token),
    ...(deadline === undefined ? {} : { deadlineMillis: Duration.toMillis(deadline) })
  })

// --- requests ---

const decodeHello = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ directory: Schema.String })))
const decodeCompacting = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ sessionID: Schema.String })))

const digest = (text: string) => createHash("sha256").update(text).digest()

const matches = (token: Redacted.Redacted<string>, header: string | undefined): boolean =>
  timingSafeEqual(digest(header ?? ""), digest(`Bearer ${Redacted.value(token)}`))

const bodyLimit = 16 * 1024

/** The body; `None` if it is too long. */
const readBody = (incoming: IncomingMessage) =>
  Effect.callback<Option.Option<string>>((resume) => {
    const parts: Array<Buffer> = []
    let length = 0
    incoming.on("data", (part: Buffer) => {
      length += part.length
      if (length > bodyLimit) resume(Effect.succeedNone)
      else parts.push(part)
    })
    incoming.once("end", () => resume(Effect.sync(() => Option.some(Buffer.concat(parts).toString("utf8")))))
  })

/**
 * Each question has a connection of its own. A kept-alive one might be closed here at the very moment at which OpenCode
 * sends its next question over it, and that question would fail (1.18.33).
 */
const reply = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { "content-type": "application/json", "connection": "close" })
  response.end(JSON.stringify(body))
}

const hungUp = (response: ServerResponse) =>
  Effect.callback<void>((resume) => {
    if (response.closed) resume(Effect.void)
    else response.once("close", () => resume(Effect.void))
  })

const listen = (
  instanceId: InstanceId,
  port: number,
  onRequest: (incoming: IncomingMessage, response: ServerResponse) => void
) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>, AgentUnreachable>((resume) => {
      const server = createServer(onRequest)
      server.once("error", (error: NodeJS.ErrnoException) =>
        resume(
          Effect.fail(new AgentUnreachable({ instanceId, operation: "gate.listen", code: error.code ?? "LISTEN" }))
        ))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : port
  }))
