/**
 * A gate that an agent asks through and waits at: a hook program or a plugin, running inside the agent, sends one
 * question and does not go on before it has the answer. It is how a compaction is held until the transcript is saved.
 *
 * A question is an HTTP POST of JSON to `/<name>` with the gate's token (`authorization: Bearer ...`); the answer is
 * JSON. The gate listens on a unix socket in a private folder, and on the loopback interface where there can be none or
 * where the client cannot use one. Each question has a connection of its own.
 *
 * | what comes | what it gets |
 * | --- | --- |
 * | no token, or a wrong one | 401 |
 * | another method than POST | 405 |
 * | more than `maxBytes` | 413 |
 * | a name that is not in `questions` | 404 |
 * | what the question's schema does not accept | 400 |
 * | a question whose answer fails, takes longer than `deadline`, or is wanted while the gate closes | 200, `otherwise` |
 *
 * A client that hangs up is no longer answered: the effect that prepares its answer is interrupted.
 *
 * **Gotchas**
 *
 * - A gate that is not there answers nothing, and most agents go on then. The program of {@link hook} answers
 *   `otherwise` by itself on every path; a plugin must do the same.
 * - Who does not load is never heard of. Let the client say hello (a question of its own) before the first prompt, and
 *   refuse to send (`GateMissing`) where it did not.
 *
 * **Example**
 *
 * ```ts
 * const veto = { continue: false, stopReason: "the transcript could not be saved" }
 * const gate = yield* GateSocket.make({
 *   instanceId,
 *   questions: {
 *     "pre-compact": GateSocket.question({
 *       schema: Schema.Struct({ session_id: Schema.String }),
 *       answer: ({ session_id }) => Effect.as(save(session_id), {}),
 *       otherwise: veto
 *     })
 *   }
 * })
 * const folder = yield* AgentEnvironment.privateFolder("acme-")
 * const command = yield* GateSocket.hook({ gate, folder, question: "pre-compact", otherwise: veto })
 * ```
 *
 * @since 0.1.0
 */
import {
  Deferred,
  Duration,
  Effect,
  FiberSet,
  type FileSystem,
  Option,
  type Path,
  Redacted,
  Schema,
  type Scope
} from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type { PlatformError } from "effect/PlatformError"
import { createHash, timingSafeEqual } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { InstanceId } from "../domain/Ids.ts"
import { errorCode } from "../process/ErrorCode.ts"
import { AgentUnreachable } from "../provider/AdapterError.ts"
import { type Needs, privateFile, privateFolder } from "./AgentEnvironment.ts"
import { closed, listen, readBody, reply } from "./internal/gateServer.ts"

/**
 * One kind of question; see {@link question}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  /** The answer to a body; `None` if it is not such a question. */
  readonly ask: (body: string) => Option.Option<Effect.Effect<object>>
  readonly otherwise: object
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly instanceId: InstanceId
  /** Each kind of question by its name. */
  readonly questions: Readonly<Record<string, Question>>
  /** Default: a new one of 256 bits. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** The longest question, in bytes. Default: 16,384. */
  readonly maxBytes?: number | undefined
  /** How long an answer may take. Default: a day, because a user may have to be asked. */
  readonly deadline?: Duration.Input | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface GateSocket {
  /** Without its path: `http://127.0.0.1:4242`, or `http://gate` for a unix socket. */
  readonly url: string
  /** The path of the unix socket. */
  readonly socketPath?: string | undefined
  readonly token: Redacted.Redacted<string>
}

/**
 * A kind of question: what it looks like, what answers it, and what the answer is where that cannot be had. Answers are
 * JSON, in the agent's own words.
 *
 * @category constructors
 * @since 0.1.0
 */
export const question = <A>(options: {
  readonly schema: Schema.ConstraintDecoder<A>
  readonly answer: (asked: A) => Effect.Effect<object>
  readonly otherwise: object
}): Question => {
  const decode = Schema.decodeUnknownOption(Schema.fromJsonString(options.schema))
  return {
    ask: (body) => Option.map(decode(body), (asked) => Effect.suspend(() => options.answer(asked))),
    otherwise: options.otherwise
  }
}

/**
 * Listens until the Scope closes: on a unix socket in a private folder of its own; on the loopback interface on Windows,
 * and where the path of the system's temporary folder is too long for a socket.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fn("GateSocket.make")(function*(
  options: Options
): Effect.fn.Return<GateSocket, AgentUnreachable, Needs> {
  if (process.platform === "win32") return yield* loopback(options)
  const folder = yield* privateFolder("gate-").pipe(
    Effect.mapError(({ reason }) => unreachable(options, errorCode(reason) ?? reason._tag))
  )
  return yield* isTooLong(socketIn(folder)) ? loopback(options) : unix({ ...options, folder })
})

/**
 * Listens on a unix socket in a folder that no other user can enter. Fails with `AgentUnreachable` and the system's code;
 * with `ENAMETOOLONG` where the socket's path has 100 bytes or more: systems take 104 to 108, and some cut the rest off.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unix = Effect.fnUntraced(function*(
  options: Options & { readonly folder: string }
): Effect.fn.Return<GateSocket, AgentUnreachable, Scope.Scope> {
  const socketPath = socketIn(options.folder)
  if (isTooLong(socketPath)) return yield* unreachable(options, "ENAMETOOLONG")
  const { token } = yield* serve(options, { path: socketPath })
  return { url: "http://gate", socketPath, token }
})

/**
 * Listens on the loopback interface, at a free port unless one is given. Every user of this machine can reach it, so the
 * token alone keeps others out. Fails with `AgentUnreachable` and the system's code (`EADDRINUSE`).
 *
 * @category constructors
 * @since 0.1.0
 */
export const loopback = Effect.fnUntraced(function*(
  options: Options & { readonly port?: number | undefined }
): Effect.fn.Return<GateSocket, AgentUnreachable, Scope.Scope> {
  const { server, token } = yield* serve(options, { port: options.port ?? 0, host: "127.0.0.1" })
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, token }
})

/**
 * The program that an agent runs as its hook, for agents whose hooks are commands: it hands the JSON on its stdin to the
 * gate and prints the answer. Whatever goes wrong, it prints `otherwise` and exits with 0, because agents go on when a
 * hook fails. It needs Node and nothing else.
 *
 * Its settings, the token among them, go into a new file in `folder`, which must be private: a command line can be read
 * by others. `command` is for a shell (POSIX); `executable` and `args` are the same without one. They stay the same for
 * as long as the gate does, for agents that trust a hook by its command.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hook = Effect.fnUntraced(function*(options: {
  readonly gate: GateSocket
  readonly folder: string
  readonly question: string
  readonly otherwise: object
  /** After this the program no longer waits. It must be shorter than the agent's own patience. Default: a day. */
  readonly deadline?: Duration.Input | undefined
  /** The executable of Node. Default: this process's own. */
  readonly node?: string | undefined
}): Effect.fn.Return<
  { readonly executable: string; readonly args: ReadonlyArray<string>; readonly command: string },
  PlatformError,
  FileSystem.FileSystem | Path.Path
> {
  const { deadline = "1 day", folder, gate, node = process.execPath, question } = options
  const file = yield* privateFile(folder, `${question}.json`, settings(gate, deadline))
  const args = [hookProgram, file, question, JSON.stringify(options.otherwise)]
  return { executable: node, args, command: [node, ...args].map(quote).join(" ") }
})

/**
 * What a client must know, as the JSON of a private file: `url`, `socketPath`, `token` and `deadlineMillis`.
 *
 * @category getters
 * @since 0.1.0
 */
export const settings = (
  { socketPath, token, url }: GateSocket,
  deadline?: Duration.Input | undefined
): string =>
  JSON.stringify({
    url,
    socketPath,
    token: Redacted.value(token),
    ...(deadline === undefined ? {} : { deadlineMillis: Duration.toMillis(deadline) })
  })

const hookProgram = fileURLToPath(new URL("./internal/gateHook.js", import.meta.url))

const quote = (argument: string): string => `'${argument.replaceAll("'", `'\\''`)}'`

const socketIn = (folder: string) => join(folder, "gate.sock")

const isTooLong = (socketPath: string) => Buffer.byteLength(socketPath) >= 100

const unreachable = ({ instanceId }: Options, code: string) =>
  new AgentUnreachable({ instanceId, operation: "gate.listen", code })

const serve = Effect.fnUntraced(function*(
  options: Options,
  at: { readonly path: string } | { readonly port: number; readonly host: string }
) {
  const { deadline = "1 day", maxBytes = 16 * 1024, questions } = options
  const token = options.token ?? Redacted.make(Hex.encode(SecureRandom.randomBytesUnsafe(32)))
  const closing = yield* Deferred.make<void>()
  const run = yield* FiberSet.makeRuntime<never, void, never>()

  const settle = (answer: Effect.Effect<object>, otherwise: object) =>
    Effect.as(Deferred.await(closing), otherwise).pipe(
      Effect.raceFirst(answer),
      Effect.timeoutOrElse({ duration: deadline, orElse: () => Effect.succeed(otherwise) }),
      Effect.map((answer) => JSON.stringify(answer)),
      Effect.catchDefect(() => Effect.succeed(JSON.stringify(otherwise)))
    )
  const refuse = (response: ServerResponse, status: number, error: string) =>
    reply(response, status, JSON.stringify({ error }))

  const answer = Effect.fnUntraced(function*(incoming: IncomingMessage, response: ServerResponse) {
    if (!matches(token, incoming.headers.authorization)) return refuse(response, 401, "token")
    if (incoming.method !== "POST") return refuse(response, 405, "method")
    const body = yield* readBody(incoming, maxBytes)
    if (Option.isNone(body)) return refuse(response, 413, "too long")
    const name = incoming.url?.slice(1) ?? ""
    const asked = Object.hasOwn(questions, name) ? questions[name] : undefined
    if (asked === undefined) return refuse(response, 404, "path")
    const prepared = asked.ask(body.value)
    if (Option.isNone(prepared)) return refuse(response, 400, "body")
    return reply(response, 200, yield* settle(prepared.value, asked.otherwise))
  })

  const server = yield* listen(at, (incoming, response) => {
    run(Effect.raceFirst(answer(incoming, response), closed(response)))
  }).pipe(Effect.mapError((code) => unreachable(options, code)))
  // Before the listener closes, which waits for replies.
  yield* Effect.addFinalizer(() => Deferred.succeed(closing, undefined))
  return { server, token }
})

const digest = (text: string) => createHash("sha256").update(text).digest()

const matches = (token: Redacted.Redacted<string>, header: string | undefined): boolean =>
  timingSafeEqual(digest(header ?? ""), digest(`Bearer ${Redacted.value(token)}`))
