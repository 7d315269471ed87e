/**
 * A scriptable agent that stands in for a real one: swap one layer, and an app's tests run without any agent.
 *
 * The mock is as strict as the agents that it stands in for. It refuses a second turn while one runs, asks for approval
 * wherever the runtime mode demands it, does not know a request that is answered, checks models, attachments,
 * directories and cursors, and proves a session missing before it says so. It keeps its sessions for the life of the
 * layer, as an agent does on its disk; a {@link MockAgentDisk.MockAgentDisk} shared by two layers is a restart.
 *
 * Gotchas
 *
 * - Commands, file changes and tools wait for an approval unless the thread runs in `full-access`. A test that hangs
 *   has most likely an open request: see `pending`.
 * - A script that dies ends its turn as `TurnFailed` with `Other` and the name `MockScriptDied`.
 * - Steps that wait use the Clock of whoever sent the turn: under a TestClock nothing passes until it is adjusted.
 * - A compaction asks the gate that the session was given, and its model is not asked before the gate has answered:
 *   see `summaries`, and `compaction` of a session. Without a gate it asks nobody. As in OpenCode 1.18.33, a turn that is
 *   interrupted meanwhile takes the compaction with it, and no event tells of its end.
 * - Two mocks in one app both provide this service; make each by `MockProvider.make` in a layer of its own.
 *
 * **Example**
 *
 * ```ts
 * const TestAgents = ProviderService.layer().pipe(
 *   Layer.provideMerge(MockProvider.layer({
 *     instanceId: "opencode",
 *     script: ({ history, prompt }) => [MockStep.text(`${history.length} messages before "${prompt}"`)]
 *   })),
 *   Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
 *   Layer.provideMerge(SessionStore.layerSqlite({ filename: ":memory:" })),
 *   Layer.provide(NodeServices.layer)
 * )
 *
 * it.effect("asks before it deletes", () =>
 *   Effect.gen(function*() {
 *     const mock = yield* MockProvider
 *     yield* mock.nextTurn(() => [MockStep.command("rm -r build"), MockStep.text("Gone.")])
 *     yield* myApp.ask("clean up")
 *     assert.strictEqual((yield* mock.awaitRequest())._tag, "Approval")
 *   }).pipe(Effect.provide(TestAgents)))
 * ```
 */
import { Context, Effect, Latch, Layer, Schema, type Scope } from "effect"
import { InstanceId, ProviderName, type RequestId, type SessionId, type ThreadId, type TurnId } from "../domain/Ids.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type { ModelSelection } from "../domain/TurnInput.ts"
import type { ApprovalDecision, ApprovalRequest, QuestionRequest } from "../domain/UserRequest.ts"
import type {
  Capabilities,
  ProcessExit,
  ProviderTurn,
  SendTurnError,
  StartInput,
  StartSessionError
} from "../provider/ProviderAdapter.ts"
import { type InstanceExists, ProviderRegistry } from "../provider/ProviderRegistry.ts"
import * as ResumeCursor from "../provider/ResumeCursor.ts"
import type { MockAgent } from "./mock/MockAgent.ts"
import * as MockControls from "./mock/MockControls.ts"
import * as MockDirectory from "./mock/MockDirectory.ts"
import { start } from "./mock/MockStart.ts"
import * as MockAgentDisk from "./MockAgentDisk.ts"
import * as MockStep from "./MockStep.ts"

export interface MockProviderOptions {
  /** Default: `mock`. */
  readonly provider?: string | undefined
  /** Default: the provider's name. Take the name of the instance that the mock stands in for. */
  readonly instanceId?: string | undefined
  /** How the agent answers. Default: `echo: <prompt>`. */
  readonly script?: MockStep.MockScript | undefined
  /** What differs from an agent that can do everything, except that it moves only within a project. */
  readonly capabilities?: Partial<Capabilities> | undefined
  /** The models on offer; any other is refused. Default: every model is taken. */
  readonly models?: ReadonlyArray<string> | undefined
  /** As Codex and Claude: no cursor before the first turn was accepted, and nothing left of such a session. */
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

/** A session as the agent has it. */
export interface MockSession {
  readonly sessionId: SessionId
  readonly threadId: ThreadId
  readonly title: string | undefined
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly model: ModelSelection | undefined
  /** The model's context, as the next prompt would find it. */
  readonly history: ReadonlyArray<MockAgentDisk.Message>
  readonly turns: ReadonlyArray<{ readonly turnId: TurnId; readonly outcome: MockAgentDisk.Outcome }>
  readonly live: boolean
  /** A compaction on its way: `held` until the gate has answered, then `running` until the summary is there. */
  readonly compaction: "held" | "running" | undefined
  /** How often it was opened while an earlier handle of it was still live. */
  readonly overlaps: number
}

/** An open request. The app may not have read of it yet. */
export type MockRequest =
  | {
    readonly _tag: "Approval"
    readonly sessionId: SessionId
    readonly turnId: TurnId
    readonly request: ApprovalRequest
  }
  | {
    readonly _tag: "Question"
    readonly sessionId: SessionId
    readonly turnId: TurnId
    readonly request: QuestionRequest
  }

interface Shape {
  readonly instanceId: InstanceId
  readonly disk: MockAgentDisk.MockAgentDisk

  /** Replaces the script for all turns to come. */
  readonly script: (script: MockStep.MockScript) => Effect.Effect<void>
  /** Answers one turn; several are used up in their order before the script is asked again. */
  readonly nextTurn: (script: MockStep.MockScript) => Effect.Effect<void>

  readonly failNextStart: (error: StartSessionError) => Effect.Effect<void>
  /** The next start waits for `effect` before anything is created. */
  readonly slowStart: (effect: Effect.Effect<unknown>) => Effect.Effect<void>
  /**
   * The next `sendTurn` fails. With `delivered` the agent has the turn all the same and works on it, which is what
   * `DeliveryUncertain` is about; without, it never saw it.
   */
  readonly failNextSend: (
    error: SendTurnError | ((turn: ProviderTurn) => SendTurnError),
    options?: { readonly delivered?: boolean | undefined }
  ) => Effect.Effect<void>
  /** The next `sendTurn` answers only after `effect`, while the agent works on the turn already. */
  readonly slowSend: (effect: Effect.Effect<unknown>) => Effect.Effect<void>
  /** Every request fails with `AgentUnreachable` (`ECONNREFUSED`, or the given code). Live sessions work on. */
  readonly unreachable: (on: boolean | string) => Effect.Effect<void>
  /**
   * While on, what makes the agent ask before a compaction has not loaded: sessions that were given a gate refuse
   * `sendTurn`, `steerTurn` and `compact` with `GateMissing`. A turn that runs already would compact without asking.
   */
  readonly loseGate: (on: boolean) => Effect.Effect<void>
  /** Removes the session from the agent's disk. A live handle finds out when it is next used. */
  readonly loseSession: (sessionId: SessionId) => Effect.Effect<void>
  /**
   * The process of a live session, or of all, dies: `events` ends without a terminal event. `exit` is what the session
   * then answers to `exit`. Default: nothing is known.
   */
  readonly crash: (sessionId?: SessionId, exit?: ProcessExit) => Effect.Effect<void>
  /** As `kill -9` of host and agents at once: nothing is emitted or written any more, and no stream ends. */
  readonly killHost: Effect.Effect<void>
  /** While on, closing a session's scope does not return; `false` lets all those go. */
  readonly hangStop: (on: boolean) => Effect.Effect<void>
  /** While on, `events` of sessions that stop stays open, for `emit` with `stopped`. */
  readonly keepTalking: (on: boolean) => Effect.Effect<void>
  /**
   * Late or foreign frames, exactly as given: from the session's newest live handle, or from the one that was told to
   * stop last (`hangStop`, `keepTalking`). Does nothing where there is none.
   */
  readonly emit: (
    sessionId: SessionId,
    events: ReadonlyArray<ProviderEvent>,
    from?: "live" | "stopped"
  ) => Effect.Effect<void>
  /** What a live session answers to `backgroundWork`. */
  readonly backgroundWork: (sessionId: SessionId, on: boolean) => Effect.Effect<void>
  /** Somebody else answers an open approval, as in the agent's own interface. `false` if it is not open. */
  readonly settleElsewhere: (requestId: RequestId, decision: ApprovalDecision) => Effect.Effect<boolean>

  /** Every session on the agent's disk, oldest first. */
  readonly sessions: Effect.Effect<ReadonlyArray<MockSession>>
  /** Every call of `startSession`, failed ones included. */
  readonly starts: Effect.Effect<ReadonlyArray<StartInput>>
  /** Every input that reached the agent, in order: a turn id twice in here was delivered twice. */
  readonly received: Effect.Effect<ReadonlyArray<MockAgentDisk.ReceivedTurn>>
  readonly answers: Effect.Effect<ReadonlyArray<MockAgentDisk.ReceivedAnswer>>
  /** Every summary that the model was asked for: none of a compaction that is held, or was vetoed. */
  readonly summaries: Effect.Effect<ReadonlyArray<MockAgentDisk.SummaryRequest>>
  /** Requests that wait for an answer. */
  readonly pending: Effect.Effect<ReadonlyArray<MockRequest>>

  /** The first received input that fits, now or later. */
  readonly awaitTurn: (
    predicate?: (turn: MockAgentDisk.ReceivedTurn) => boolean
  ) => Effect.Effect<MockAgentDisk.ReceivedTurn>
  /** The first session that fits, now or later: live, stopped, with a turn that ended, ... */
  readonly awaitSession: (predicate: (session: MockSession) => boolean) => Effect.Effect<MockSession>
  /** The first open request that fits, now or later. */
  readonly awaitRequest: (predicate?: (request: MockRequest) => boolean) => Effect.Effect<MockRequest>
  /** The first summary asked for that fits, now or later. */
  readonly awaitSummary: (
    predicate?: (request: MockAgentDisk.SummaryRequest) => boolean
  ) => Effect.Effect<MockAgentDisk.SummaryRequest>
  /** Waits until `startSession` was called `count` times. */
  readonly awaitStarts: (count: number) => Effect.Effect<void>
}

export class MockProvider extends Context.Service<MockProvider, Shape>()("effect-coding-agents/testing/MockProvider") {
  /** Registers a mock for the life of the scope. */
  static readonly make = Effect.fn("MockProvider.make")(function*(
    options: MockProviderOptions = {}
  ): Effect.fn.Return<Shape, InstanceExists, ProviderRegistry | Scope.Scope> {
    const agent = makeAgent(options)
    yield* ProviderRegistry.register({
      provider: agent.provider,
      instanceId: agent.instanceId,
      capabilities: agent.capabilities,
      startSession: (input) => start(agent, input)
    })
    return MockControls.make(agent)
  })

  static readonly layer = (
    options: MockProviderOptions = {}
  ): Layer.Layer<MockProvider, InstanceExists, ProviderRegistry> =>
    Layer.effect(MockProvider, MockProvider.make(options))
}

const allCapabilities: Capabilities = {
  runtimeModes: RuntimeMode.literals,
  moveDirectory: "same-project",
  modelSwitch: "per-turn",
  steer: true,
  fork: true,
  compact: true,
  compactionGate: "blocking",
  questions: true,
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
    models: options.models,
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
    stops: Latch.makeUnsafe(true),
    keepTalking: false
  }
}
