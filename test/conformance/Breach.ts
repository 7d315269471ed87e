/**
 * Adapters that are broken on purpose: the mock's, wrapped so that one rule does not hold.
 */
import { assert, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Logger, Option, Schema, type Scope, Stream } from "effect"
import { InstanceId, type RequestId, type TurnId } from "../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import type { ApprovalDecision } from "../../src/domain/UserRequest.ts"
import type {
  ProviderAdapter,
  ProviderSession,
  StartInput,
  StartSessionError
} from "../../src/provider/ProviderAdapter.ts"
import { ProviderRegistry } from "../../src/provider/ProviderRegistry.ts"
import { baseFields } from "../../src/provider/ResumeCursor.ts"
import { Conformance, MockAgentDisk, MockProvider, type MockProviderOptions } from "../../src/testing/index.ts"
import { fixture, offers, script, signIn } from "../support/ConformingMock.ts"

export interface Breach {
  /** The one rule that it breaks. */
  readonly rule: string
  /** What is wrong with the adapter. */
  readonly what: string
  readonly mock?: MockProviderOptions
  /** The scope is that of the adapter's Layer. */
  readonly adapter: (adapter: ProviderAdapter, layer: Scope.Scope) => ProviderAdapter
}

/** The mock under another adapter. Built again, it finds the sessions of the build before. */
export const layer = ({ adapter, mock }: Pick<Breach, "adapter" | "mock">) => {
  const disk = MockAgentDisk.makeUnsafe()
  return Layer.effectContext(Effect.gen(function*() {
    const registry = yield* ProviderRegistry
    const inner = yield* Layer.build(
      MockProvider.layer({ script, disk, offers, signIn, models: fixture.models, ...mock }).pipe(
        Layer.provideMerge(Layer.fresh(ProviderRegistry.layer))
      )
    )
    const whole = yield* Context.get(inner, ProviderRegistry).get(InstanceId.make("mock"))
    yield* registry.register(adapter(yield* Effect.orDie(Effect.fromOption(whole)), yield* Effect.scope))
    return Context.make(MockProvider, Context.get(inner, MockProvider))
  }))
}

/** What goes wrong is wanted here, so what the service logs of it is not shown. */
export const check = (
  adapterLayer: ReturnType<typeof layer>,
  given: typeof fixture = fixture,
  rules: ReadonlyArray<Conformance.Rule> = Conformance.rules
) => Conformance.check(adapterLayer, given, { rules, concurrency: 8 }).pipe(Effect.provide(Logger.layer([])))

/** Fifty sessions cost as much as all other rules together; only who breaks that rule is asked for them. */
const rulesFor = (breach: Breach) => Conformance.rules.filter(({ id }) => id !== "scale/fifty" || breach.rule === id)

/** As Codex 0.171.0 does it where it is not held to pieces. */
export const shortened = (text: string): string =>
  text.length <= 4000 ? text : `${text.slice(0, 2000)}\u2026${text.slice(-2000)}`

/** Registers the test that the adapter breaks its one rule and no other. */
export const breaksItsRule = (breach: Breach) =>
  it.live(`an adapter that ${breach.what} breaks ${breach.rule} and no other rule`, () =>
    Effect.gen(function*() {
      const report = yield* check(layer(breach), fixture, rulesFor(breach))
      assert.deepStrictEqual(Conformance.withOutcome(report, "Broken"), [breach.rule], Conformance.format(report))
    }), 120_000)

type Start = Effect.Effect<ProviderSession, StartSessionError, Scope.Scope>

/** Another `startSession`. The maker runs once per adapter, so it may keep state. */
export const starting = (make: (start: ProviderAdapter["startSession"]) => (input: StartInput) => Start) =>
(
  adapter: ProviderAdapter
): ProviderAdapter => ({ ...adapter, startSession: make(adapter.startSession) })

/** Other sessions. */
export const sessions = (change: (session: ProviderSession, input: StartInput) => Partial<ProviderSession>) =>
  starting((start) => (input) => Effect.map(start(input), (session) => ({ ...session, ...change(session, input) })))

/** Other events, one by one. */
export const events = (change: (event: ProviderEvent) => ReadonlyArray<ProviderEvent>) =>
  sessions((session) => ({ events: Stream.flattenIterable(Stream.map(session.events, change)) }))

/** What an adapter knows of a session by listening to it. */
export interface Heard {
  running: TurnId | undefined
  /** Since the turn was sent. */
  spoken: boolean
  sentAt: number
  readonly open: Map<string, "approval" | "question" | "elicitation">
}

/** Sessions that remember what happens in them. */
export const listening = (
  change: (session: ProviderSession, heard: Heard, input: StartInput) => Partial<ProviderSession>
) =>
  sessions((session, input) => {
    const heard: Heard = { running: undefined, spoken: false, sentAt: 0, open: new Map() }
    const listened: ProviderSession = {
      ...session,
      sendTurn: (turn) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          heard.running = turn.turnId
          heard.spoken = false
          heard.sentAt = now
          heard.open.clear()
          return session.sendTurn(turn)
        }),
      events: session.events.pipe(
        Stream.tap((event) => Effect.sync(() => hear(heard, event))),
        Stream.onEnd(Effect.sync(() => heard.running = undefined))
      )
    }
    return { ...listened, ...change(listened, heard, input) }
  })

const hear = (heard: Heard, event: ProviderEvent): void => {
  heard.spoken = true
  switch (event._tag) {
    case "ApprovalRequested":
      heard.open.set(event.request.requestId, "approval")
      break
    case "QuestionAsked":
      heard.open.set(event.request.requestId, "question")
      break
    case "ElicitationRequested":
      heard.open.set(event.request.requestId, "elicitation")
      break
    case "ApprovalSettled":
    case "ElicitationSettled":
    case "QuestionSettled":
      heard.open.delete(event.requestId)
      break
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
      heard.running = undefined
      heard.open.clear()
      break
  }
}

/**
 * A session that remembers in `allowed` what was allowed for the session, and gives its own answer when that is asked for again,
 * unheard. `first` is what the agent is told when it is allowed.
 */
export const answeringAgain = (
  session: ProviderSession,
  allowed: Set<string | undefined>,
  answer: ApprovalDecision,
  first: ApprovalDecision
): ProviderSession => {
  const subjects = new Map<RequestId, string>()
  return {
    ...session,
    respondToApproval: (requestId, decision) =>
      Effect.suspend(() => {
        if (decision._tag !== "AllowForSession") return session.respondToApproval(requestId, decision)
        allowed.add(subjects.get(requestId))
        return session.respondToApproval(requestId, first)
      }),
    events: session.events.pipe(
      Stream.tap((event) =>
        Effect.sync(() =>
          event._tag === "ApprovalRequested" && subjects.set(event.request.requestId, event.request.subject)
        )
      ),
      Stream.filterEffect((event) =>
        event._tag === "ApprovalRequested" && allowed.has(event.request.subject)
          ? Effect.as(Effect.ignore(session.respondToApproval(event.request.requestId, answer)), false)
          : Effect.succeed(true)
      )
    )
  }
}

const Cursor = Schema.Struct({ payload: Schema.Struct(baseFields) })

/** What a cursor of the mock holds. */
export const payloadOf = ({ from }: StartInput) =>
  from._tag === "Resume"
    ? Option.getOrUndefined(Schema.decodeUnknownOption(Cursor)(from.cursor))?.payload
    : undefined
