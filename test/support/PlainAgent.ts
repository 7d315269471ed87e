/** An agent of one session whose every answer the test gives: for what no well-behaved agent does. */
import { Effect, Stream } from "effect"
import { Adapter } from "../../src/adapter/index.ts"
import { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import { InstanceId, ProviderName, ProviderRegistry, SessionId } from "../../src/index.ts"
import type { Capabilities, ProviderAdapter, ProviderSession, StartInput } from "../../src/provider/ProviderAdapter.ts"

export const plain = InstanceId.make("plain")

const cursor = { provider: ProviderName.make("plain"), version: 1, payload: null }

/** What the agent did, in order: `started`, `stopped`. */
export const register = Effect.fnUntraced(function*(
  session: Partial<ProviderSession>,
  options: {
    readonly capabilities?: Partial<Capabilities> | undefined
    readonly offers?: ProviderAdapter["offers"]
    readonly check?: ProviderAdapter["check"]
    readonly signIn?: ProviderAdapter["signIn"]
    readonly onStart?: ((input: StartInput) => void) | undefined
  } = {}
) {
  const registry = yield* ProviderRegistry
  const log: Array<string> = []
  const note = (what: string) => Effect.sync(() => log.push(what))
  const begins = (input: StartInput) => Effect.andThen(note("started"), Effect.sync(() => options.onStart?.(input)))
  const capabilities: Capabilities = {
    ...Adapter.least,
    runtimeModes: RuntimeMode.literals,
    moveDirectory: "anywhere",
    modelSwitch: "per-turn",
    resend: false,
    steer: true,
    fork: true,
    forkAt: true,
    rewind: "conversation",
    portable: false,
    adopt: false,
    compact: false,
    compactionGate: "observe-only",
    autoCompaction: "always",
    projectConfig: ["trust", "instructions", "ignore"],
    questions: true,
    elicitations: true,
    denyReason: true,
    afterDenial: "by-reason",
    tasks: true,
    ownTurns: true,
    steps: true,
    usage: "tokens-and-cost",
    attachments: true,
    history: true,
    ...options.capabilities
  }
  yield* registry.register({
    provider: ProviderName.make("plain"),
    instanceId: plain,
    offers: options.offers,
    check: options.check,
    signIn: options.signIn,
    capabilities,
    startSession: (input) =>
      Effect.as(Effect.acquireRelease(begins(input), () => note("stopped")), {
        sessionId: SessionId.make("plain-1"),
        directory: input.directory,
        origin: { _tag: input.from._tag === "Resume" ? "Resumed" : "New" },
        cursor: Effect.succeedSome(cursor),
        events: Stream.never,
        exit: Effect.undefined,
        turnRef: () => Effect.undefined,
        checkModel: () => Effect.void,
        rename: () => Effect.void,
        switchMode: () => Effect.succeed(false),
        sendTurn: () => Effect.void,
        steerTurn: () => Effect.void,
        interruptTurn: () => Effect.void,
        respondToApproval: () => Effect.void,
        answerQuestion: () => Effect.void,
        compact: Effect.void,
        fork: () => Effect.succeed(cursor),
        rewind: () => Effect.void,
        exportSession: () => Effect.die("no export"),
        capabilities,
        history: Effect.succeed({ format: "plain/1", agentVersion: "1", session: null, messages: [] }),
        evidence: () => Effect.succeed({ outcome: "unfinished", items: [] }),
        answerElicitation: () => Effect.void,
        stopTask: () => Effect.void,
        ...session
      })
  })
  return log
})
