/**
 * A scriptable agent that stands in for a real one: swap one layer, and an app's tests run without any agent.
 *
 * The mock is as strict as the agents that it stands in for. It refuses a second turn while one runs, asks for approval
 * wherever the runtime mode demands it, does not know a request that is answered, checks models, attachments,
 * directories and cursors, and proves a session missing before it says so. It keeps its sessions for the life of the
 * layer, as an agent does on its disk; a {@link MockAgentDisk.MockAgentDisk} shared by two layers is a restart.
 *
 * **Gotchas**
 *
 * - Commands, file changes and tools wait for an approval unless the thread runs in `full-access`. A test that hangs
 *   has most likely an open request: see `pending`.
 * - A script that dies ends its turn as `TurnFailed` with `Other` and the name `MockScriptDied`.
 * - Steps that wait use the Clock of the caller who sent the turn: under a TestClock nothing passes until it is
 *   adjusted.
 * - A compaction asks the gate that the session was given, and its model is not asked before the gate has answered:
 *   see `summaries`, and `compaction` of a session. Without a gate it does not ask. As in OpenCode 1.18.33, a turn that is
 *   interrupted meanwhile takes the compaction with it, and no event tells of its end.
 * - In a directory that is trusted it makes the files that `.mock/start` there names, one a line, at each start: that
 *   stands for the plugins and hooks of a project.
 * - Two mocks in one app both provide this service; make each by `MockProvider.make` in a layer of its own.
 *
 * **Example**
 *
 * ```ts
 * const TestAgents = layerTest({
 *   mock: {
 *     instanceId: "opencode",
 *     script: ({ history, prompt }) => [MockStep.text(`${history.length} messages before "${prompt}"`)]
 *   }
 * }).pipe(Layer.provide(NodeServices.layer))
 *
 * it.effect("asks before it deletes", () =>
 *   Effect.gen(function*() {
 *     const mock = yield* MockProvider
 *     yield* mock.nextTurn(() => [MockStep.command("rm -r build"), MockStep.text("Gone.")])
 *     yield* myApp.ask("clean up")
 *     assert.strictEqual((yield* mock.awaitRequest())._tag, "Approval")
 *   }).pipe(Effect.provide(TestAgents)))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Effect, Latch, Layer, Schema, type Scope, Stream } from "effect"
import * as Adapter from "../adapter/Adapter.ts"
import { InstanceId, ProviderName } from "../domain/Ids.ts"
import { ProjectConfig } from "../domain/ProjectConfig.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { AgentCheck } from "../provider/AgentCheck.ts"
import { none, type Offers } from "../provider/Offers.ts"
import type { Capabilities, ProviderAdapter } from "../provider/ProviderAdapter.ts"
import { type InstanceExists, ProviderRegistry } from "../provider/ProviderRegistry.ts"
import * as ResumeCursor from "../provider/ResumeCursor.ts"
import { SignInFailed } from "../provider/SignIn.ts"
import { makeControls } from "./mock/makeControls.ts"
import { type MockAgent, reachable } from "./mock/MockAgent.ts"
import type { MockControls } from "./mock/MockControls.ts"
import * as MockDirectory from "./mock/MockDirectory.ts"
import { list } from "./mock/MockPortable.ts"
import { start } from "./mock/MockStart.ts"
import * as MockAgentDisk from "./MockAgentDisk.ts"
import * as MockStep from "./MockStep.ts"

export type { MockRequest, MockSession } from "./mock/MockControls.ts"

/**
 * Which agent the mock stands in for, and how it differs from one that can do everything.
 *
 * @category models
 * @since 0.1.0
 */
export interface MockProviderOptions {
  /** Default: `mock`. */
  readonly provider?: string | undefined
  /** Default: the provider's name. Take the name of the instance that the mock stands in for. */
  readonly instanceId?: string | undefined
  /** How the agent answers. Default: `echo: <prompt>`. */
  readonly script?: MockStep.MockScript | undefined
  /**
   * Overrides of the capabilities. Default: everything, except that a session moves only
   * within a project and steps are not told.
   */
  readonly capabilities?: Partial<Capabilities> | undefined
  /** What the app set for the instance, of its directories' own configuration. */
  readonly projectConfig?: ProjectConfig | undefined
  /** The models on offer, by their ids; any other is refused. Default: those of `offers`, or every model is taken. */
  readonly models?: ReadonlyArray<string> | undefined
  /** What else is on offer. Default: both modes, no commands and no skills. A command is run by the script. */
  readonly offers?: Partial<Offers> | undefined
  /** How the mock differs from an agent that is installed, tested and logged in. */
  readonly check?: Partial<AgentCheck> | undefined
  /** Ways to sign in, and what the agent does for each. Default: none. */
  readonly signIn?: { readonly [method: string]: ReturnType<NonNullable<ProviderAdapter["signIn"]>> } | undefined
  /**
   * As with Codex and Claude: no cursor before the first turn was accepted, and a session without a turn leaves
   * nothing.
   */
  readonly neverResumableBeforeFirstTurn?: boolean | undefined
  /** Whether turns are found again by an id of the client's own choice. Default: `true`. */
  readonly turnRefs?: boolean | undefined
  /** Project of a directory, for `moveDirectory: "same-project"`. Default: the git work tree it lies in. */
  readonly projectOf?: ((directory: string) => string) | undefined
  /** Default: a new, empty disk. */
  readonly disk?: MockAgentDisk.MockAgentDisk | undefined
  /** Written into cursors. */
  readonly agentVersion?: string | undefined
}

/**
 * The test's side of the mock: scripts and faults go in, observations come out.
 *
 * @category services
 * @since 0.1.0
 */
export class MockProvider
  extends Context.Service<MockProvider, MockControls>()("effect-coding-agents/testing/MockProvider")
{
  /** Registers a mock for the life of the scope. */
  static readonly make = Effect.fn("MockProvider.make")(function*(
    options: MockProviderOptions = {}
  ): Effect.fn.Return<MockControls, InstanceExists, ProviderRegistry | Scope.Scope> {
    const agent = makeAgent(options)
    const adapter = yield* Adapter.make({
      provider: agent.provider,
      instanceId: agent.instanceId,
      capabilities: agent.capabilities,
      projectConfig: options.projectConfig,
      offers: () => Effect.suspend(() => Effect.as(reachable(agent, "offers"), agent.offers)),
      check: Effect.succeed({
        installed: true,
        version: agent.agentVersion,
        testedVersions: { from: agent.agentVersion, to: agent.agentVersion },
        tested: true,
        login: "in",
        ...(options.signIn === undefined
          ? {}
          : { signIn: Object.keys(options.signIn).map((id) => ({ id, name: id })) }),
        ...options.check
      }),
      signIn: options.signIn === undefined ? undefined : signIn(agent, options.signIn),
      startSession: (input) => start(agent, input),
      listSessions: (query) => list(agent, query)
    })
    yield* ProviderRegistry.register(adapter)
    return makeControls(agent)
  })

  static readonly layer = (
    options: MockProviderOptions = {}
  ): Layer.Layer<MockProvider, InstanceExists, ProviderRegistry> =>
    Layer.effect(MockProvider, MockProvider.make(options))
}

const signIn =
  ({ instanceId }: MockAgent, methods: NonNullable<MockProviderOptions["signIn"]>): ProviderAdapter["signIn"] =>
  (method) =>
    methods[method] ?? Stream.fail(
      new SignInFailed({ instanceId, method, reason: "unknown-method", available: Object.keys(methods) })
    )

const allCapabilities: Capabilities = {
  runtimeModes: RuntimeMode.literals,
  projectConfig: ProjectConfig.literals,
  setup: {
    environment: "per-session",
    mcpServers: "per-session",
    directories: "per-session",
    instructions: "per-session",
    arguments: "per-session",
    tools: "per-session"
  },
  agents: "per-turn",
  moveDirectory: "same-project",
  modelSwitch: "per-turn",
  modeSwitch: "live",
  resend: false,
  steer: true,
  fork: true,
  forkAt: true,
  rewind: "conversation",
  portable: true,
  adopt: true,
  ephemeral: true,
  compact: true,
  compactionGate: "blocking",
  autoCompaction: "can-be-off",
  questions: true,
  elicitations: true,
  denyReason: true,
  afterDenial: "by-reason",
  toolGuard: "all",
  tasks: true,
  ownTurns: true,
  steps: false,
  usage: "tokens-and-cost",
  attachments: true,
  history: true
}

const cursorSchema = Schema.Struct(ResumeCursor.baseFields)

const makeAgent = (options: MockProviderOptions): MockAgent => {
  const provider = ProviderName.make(options.provider ?? "mock")
  return {
    provider,
    instanceId: InstanceId.make(options.instanceId ?? provider),
    agentVersion: options.agentVersion ?? "1.0.0",
    capabilities: { ...allCapabilities, ...options.capabilities },
    cursors: ResumeCursor.make({ provider, version: 1, schema: cursorSchema }),
    offers: {
      ...none,
      modes: ["act", "plan"],
      ...(options.models === undefined
        ? {}
        : { models: options.models.map((id) => ({ id, variants: [], options: [] })) }),
      ...options.offers
    },
    neverResumableBeforeFirstTurn: options.neverResumableBeforeFirstTurn ?? false,
    turnRefs: options.turnRefs ?? true,
    projectOf: options.projectOf ?? MockDirectory.projectOf,
    disk: options.disk ?? MockAgentDisk.makeUnsafe(),
    live: new Map(),
    stopped: new Map(),
    script: options.script ?? (({ prompt }) => [MockStep.text(`echo: ${prompt}`)]),
    nextScripts: [],
    startFaults: [],
    sendFaults: [],
    sendDelays: [],
    unreachable: undefined,
    gateLost: false,
    behind: new Set(),
    stops: Latch.makeUnsafe(true),
    keepTalking: false
  }
}
