/**
 * Whose Codex it is: whether it can be used, and how a user signs in (0.171.0).
 *
 * `account/login/start` answers with a page. The one of `chatgpt` leads the browser back to a port of the machine that Codex
 * runs on; the one of `chatgptDeviceCode` takes a code, so it can be opened anywhere. `account/login/completed` says how it
 * ended, and until then `account/login/cancel` ends it.
 */
import { Effect, Option, Queue, Schema, type Scope, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import * as CheckAnswer from "../../adapter/CheckAnswer.ts"
import * as Executable from "../../adapter/Executable.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { AgentCheck } from "../../provider/AgentCheck.ts"
import { SignInFailed, type SignInStep } from "../../provider/SignIn.ts"
import type * as AppServer from "../process/AppServer.ts"
import * as Binary from "../process/Binary.ts"
import { toAgentError } from "./Opening.ts"

const testedVersion = "0.171.0"

const known: CheckAnswer.Known = {
  testedVersions: { from: testedVersion, to: testedVersion },
  install: `npm install @openai/codex@${testedVersion}`,
  signIn: "codex login"
}

const methods = [
  { id: "chatgpt", name: "ChatGPT, in a browser of this machine" },
  { id: "chatgptDeviceCode", name: "ChatGPT, by a code" }
] as const

const Account = Schema.Struct({
  account: Schema.NullOr(
    Schema.Struct({ type: Schema.String, email: Schema.optionalKey(Schema.NullOr(Schema.String)) })
  ),
  requiresOpenaiAuth: Schema.Boolean
})

const read = (server: AppServer.AppServer) => server.call("account/read", {}, Account)

/** Who is signed in, where Codex says it. */
const named = ({ account }: typeof Account.Type) => account?.email ?? account?.type

/**
 * `server` is asked for the account, where the executable is there. A `modelProvider` other than OpenAI's has credentials that
 * Codex says nothing of.
 */
export const check = Effect.fn("Codex.check")(function*<E, R>(
  instanceId: InstanceId,
  { binary, modelProvider }: { readonly binary: string | undefined; readonly modelProvider: string | undefined },
  server: Effect.Effect<AppServer.AppServer, E, R>
): Effect.fn.Return<AgentCheck, never, R | AppServer.Needs> {
  const path = Option.getOrUndefined(yield* Effect.option(Binary.find({ instanceId, binary })))
  const version = path === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(Executable.version({ instanceId, executable: path })))
  const account = version === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(Effect.flatMap(server, read)))
  const name = account === undefined ? undefined : named(account)
  return CheckAnswer.make(known, {
    path,
    version,
    login:
      account === undefined || (account.account === null && (isOther(modelProvider) || !account.requiresOpenaiAuth))
        ? "unknown"
        : account.account === null
        ? "out"
        : "in",
    ...(name === undefined ? {} : { account: name }),
    methods
  })
})

const isOther = (modelProvider: string | undefined) => modelProvider !== undefined && modelProvider !== "openai"

const Begun = Schema.Union([
  Schema.Struct({ loginId: Schema.String, authUrl: Schema.String }),
  Schema.Struct({ loginId: Schema.String, verificationUrl: Schema.String, userCode: Schema.String })
])

const Completed = Schema.Struct({
  loginId: Schema.NullOr(Schema.String),
  success: Schema.Boolean,
  error: Schema.NullOr(Schema.String)
})

const decodeCompleted = Schema.decodeUnknownOption(Completed)

/** The attempt, which ends with the Scope. */
export const signIn = Effect.fn("Codex.signIn")(function*(
  server: AppServer.AppServer,
  method: string
): Effect.fn.Return<Stream.Stream<SignInStep, SignInFailed | AgentError>, SignInFailed | AgentError, Scope.Scope> {
  const { instanceId } = server
  const refused = (detail: string | null) =>
    new SignInFailed({ instanceId, method, reason: "refused", ...(detail === null ? {} : { detail }) })
  const ends = yield* Queue.unbounded<typeof Completed.Type>()
  let over = false
  // Listened to before it begins. It is about no thread, so every listener hears it, also of the attempts of others.
  yield* server.listen(`sign-in ${Hex.encode(SecureRandom.randomBytesUnsafe(6))}`, {
    onNotification: (name, params) =>
      name === "account/login/completed"
        ? Option.match(decodeCompleted(params), {
          onNone: () => Effect.void,
          onSome: (completed) => Effect.asVoid(Queue.offer(ends, completed))
        })
        : Effect.void,
    onRequest: () => undefined,
    onReport: () => Effect.void
  })
  const begun = yield* Effect.acquireRelease(
    server.call("account/login/start", { type: method }, Begun).pipe(
      Effect.mapError((error) => error._tag === "PeerRefused" ? refused(error.reason) : toAgentError(server)(error))
    ),
    ({ loginId }) =>
      Effect.suspend(() =>
        over
          ? Effect.void
          : Effect.ignore(server.call("account/login/cancel", { loginId }, Schema.Unknown))
      )
  )
  const page: SignInStep = "authUrl" in begun
    ? { _tag: "OpenPage", url: begun.authUrl }
    : { _tag: "OpenPage", url: begun.verificationUrl, code: begun.userCode }
  const done = Effect.gen(function*() {
    const ended = Effect.repeat(Queue.take(ends), {
      until: ({ loginId }) => loginId === null || loginId === begun.loginId
    })
    const { error, success } = yield* Effect.raceFirst(
      ended,
      Effect.as(server.peer.closed, { success: false, error: null })
    )
    over = true
    if (!success) return yield* refused(error)
    const account = Option.flatMapNullishOr(yield* Effect.option(read(server)), named)
    const step: SignInStep = { _tag: "SignedIn", ...(Option.isNone(account) ? {} : { account: account.value }) }
    return step
  })
  return Stream.concat(Stream.succeed(page), Stream.fromEffect(done))
})

/** Fails where Codex has no such way. */
export const checkMethod = (instanceId: InstanceId, method: string): Effect.Effect<void, SignInFailed> =>
  methods.some(({ id }) => id === method) ? Effect.void : Effect.fail(
    new SignInFailed({ instanceId, method, reason: "unknown-method", available: methods.map(({ id }) => id) })
  )
