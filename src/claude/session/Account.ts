/**
 * Whose Claude it is: whether it can be used, and how a user signs in (2.1.332). Nothing that is missing is an error of the
 * check, and no model is asked.
 *
 * A Claude of no session answers `claude_authenticate` with two pages. The one that is told leads the browser back to a port of
 * Claude's own machine; the other shows a code to be pasted, for which a `SignInStep` has no way back.
 * `claude_oauth_wait_for_completion` answers at the end. The attempt ends with its process.
 */
import { Effect, Fiber, Option, Schema, type Scope, Stream } from "effect"
import { homedir } from "node:os"
import * as CheckAnswer from "../../adapter/CheckAnswer.ts"
import * as Executable from "../../adapter/Executable.ts"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import { type AgentError, AgentProtocolError, type AgentStartError } from "../../provider/AdapterError.ts"
import type { AgentCheck } from "../../provider/AgentCheck.ts"
import { SignInFailed, type SignInStep } from "../../provider/SignIn.ts"
import * as Binary from "../process/Binary.ts"
import * as Cli from "../process/Cli.ts"

const known: CheckAnswer.Known = {
  testedVersions: { from: "2.1.332", to: "2.1.332" },
  install: "npm install -g @anthropic-ai/claude-code@2.1.332",
  signIn: "claude auth login"
}

const methods = [
  { id: "claudeai", name: "A Claude subscription, in a browser of this machine" },
  { id: "console", name: "Anthropic Console, in a browser of this machine" }
] as const

export const check = Effect.fn("Claude.check")(function*(
  instanceId: InstanceId,
  options: Cli.Options
): Effect.fn.Return<AgentCheck, never, Cli.Needs> {
  const path = Option.getOrUndefined(yield* Effect.option(Binary.find({ instanceId, binary: options.binary })))
  const version = path === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(Executable.version({ instanceId, executable: path })))
  const account = version === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(greeted(instanceId, options)))
  const source = [account?.apiKeySource, account?.tokenSource].find((source) => source != null && source !== "none")
  const name = account?.email ?? source ?? undefined
  return CheckAnswer.make(known, {
    path,
    version,
    login: account === undefined ? "unknown" : name === undefined ? "out" : "in",
    ...(name === undefined ? {} : { account: name }),
    methods
  })
})

const greeted = (instanceId: InstanceId, options: Cli.Options) =>
  Effect.map(ofNoSession(instanceId, options), ({ account = {} }) => account)

/** In the user's home, and without anything of it. */
const ofNoSession = Effect.fnUntraced(function*(instanceId: InstanceId, options: Cli.Options) {
  const environment = yield* Cli.environment(instanceId, options)
  return yield* Cli.start(instanceId, options, environment, {
    directory: homedir(),
    args: ["--setting-sources=user", "--strict-mcp-config", "--settings", JSON.stringify({ disableAllHooks: true })],
    variables: {},
    initialize: { hooks: {} },
    model: undefined
  })
})

const Begun = Schema.Struct({ automaticUrl: Schema.String })

const decodeBegun = Schema.decodeUnknownEffect(Begun)

/** The attempt, which ends with the Scope. */
export const signIn = Effect.fn("Claude.signIn")(function*(
  instanceId: InstanceId,
  options: Cli.Options,
  method: string
): Effect.fn.Return<
  Stream.Stream<SignInStep, SignInFailed | AgentError, Cli.Needs>,
  SignInFailed | AgentStartError,
  Cli.Needs | Scope.Scope
> {
  if (!methods.some(({ id }) => id === method)) {
    const available = methods.map(({ id }) => id)
    return yield* new SignInFailed({ instanceId, method, reason: "unknown-method", available })
  }
  const { peer } = yield* ofNoSession(instanceId, options)
  const call = (subtype: string, params: object) =>
    Effect.mapError(peer.call(subtype, params, { deadline: "Infinity" }), (error) =>
      error._tag === "PeerRefused"
        ? new SignInFailed({ instanceId, method, reason: "refused", detail: error.reason })
        : StdioPeer.toAgentError(instanceId)(error))
  const begun = yield* call("claude_authenticate", { loginWithClaudeAi: method === "claudeai" })
  const { automaticUrl } = yield* Effect.mapError(
    decodeBegun(begun),
    () => new AgentProtocolError({ instanceId, operation: "claude_authenticate", body: begun })
  )
  // Asked before the user has the page: what ends before it is asked has no answer.
  const over = yield* Effect.forkScoped(call("claude_oauth_wait_for_completion", {}), { startImmediately: true })
  const done = Effect.gen(function*() {
    yield* Fiber.join(over)
    const { account } = yield* check(instanceId, options)
    const step: SignInStep = { _tag: "SignedIn", ...(account === undefined ? {} : { account }) }
    return step
  })
  return Stream.concat(Stream.succeed<SignInStep>({ _tag: "OpenPage", url: automaticUrl }), Stream.fromEffect(done))
})
