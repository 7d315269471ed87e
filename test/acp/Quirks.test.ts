/** What real agents have been seen to do, on an agent that does it each time. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tmpdir } from "node:os"
import { Acp, Cursor, Grok, type Profile, Qwen } from "../../src/acp/index.ts"
import { InstanceId, SessionId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import { CodingAgents, ProviderService, SessionStore } from "../../src/index.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import type { StartInput } from "../../src/provider/ProviderAdapter.ts"
import { Conformance } from "../../src/testing/index.ts"
import { cursorOf, drive, items } from "../support/Driven.ts"
import * as FakeWorld from "./FakeWorld.ts"

const keeps = (quirk: string, ids: ReadonlyArray<string>, base?: Profile.Profile) =>
  Effect.gen(function*() {
    const { dispose, fixture, layer } = FakeWorld.make([quirk], base)
    yield* Effect.addFinalizer(() => Effect.sync(dispose))
    const rules = Conformance.rules.filter(({ id }) => ids.includes(id))
    assert.lengthOf(rules, ids.length)
    const report = yield* Conformance.check(layer, fixture, { rules })
    assert.deepStrictEqual(
      Conformance.withOutcome(report, "Kept").toSorted(),
      ids.toSorted(),
      Conformance.format(report)
    )
  }).pipe(Effect.scoped)

/** A session of an agent that has these quirks. */
const open = (
  quirks: ReadonlyArray<string>,
  base?: Profile.Profile,
  options?: Parameters<typeof FakeWorld.make>[2],
  input?: Partial<StartInput>
) =>
  Effect.gen(function*() {
    const { adapter, dispose } = FakeWorld.make(quirks, base, options)
    yield* Effect.addFinalizer(() => Effect.sync(dispose))
    const { startSession } = yield* adapter
    return yield* startSession(FakeWorld.starts(input))
  })

describe("quirks of ACP agents", () => {
  it.live("P1 fake-acp: with Cursor's profile the adapter logs in, takes turns and resumes", () =>
    keeps("cursor", ["turn/completed", "turn/failed", "interrupt/silent", "continuity/resumed"], Cursor.profile))

  it.live("P6 fake-acp: Cursor's own questions reach the user, and their answers it (not run against the real agent)", () =>
    keeps("cursor", ["question/answer", "question/dismiss"], Cursor.profile))

  it.live("P6 fake-acp: Cursor's own plans are approvals, its todos steps (not run against the real agent)", () =>
    Effect.gen(function*() {
      const supervised: Profile.Profile = { ...Cursor.profile, modes: { "approval-required": { answer: "ask" } } }
      const driven = yield* Effect.flatMap(
        open(["cursor"], supervised, undefined, { runtimeMode: "approval-required" }),
        drive
      )
      for (const decision of [{ _tag: "AllowOnce" }, { _tag: "Deny" }] as const) {
        yield* driven.send("plan it")
        const { request } = yield* driven.next("ApprovalRequested")
        assert.deepInclude(request, { kind: "plan", subject: "A plan" })
        yield* driven.session.respondToApproval(request.requestId, decision)
        yield* driven.ending
      }
      assert.deepStrictEqual(items(driven, "AssistantMessage").map(({ text }) => text), [
        "It was accepted.",
        "It was rejected."
      ])
      assert.deepInclude(driven.seen.find(({ _tag }) => _tag === "PlanUpdated"), {
        steps: [{ text: "Think", status: "in-progress" }]
      })
      assert.include(driven.seen.map((event) => event._tag === "Unrecognized" ? event.type : ""), "cursor/update_todos")
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.live("P1 fake-acp: an agent without a profile of its own takes turns, resumes, and has no mode but full-access", () =>
    keeps(
      "plain",
      [
        "turn/completed",
        "turn/failed",
        "interrupt/silent",
        "continuity/resumed",
        "missing/proved",
        "mode/unenforceable"
      ],
      Acp.profile({ provider: "fake", command: "fake" })
    ))

  it.live("P7 fake-acp: a command that would loosen the mode is not offered", () =>
    Effect.gen(function*() {
      const { adapter, dispose } = FakeWorld.make()
      yield* Effect.addFinalizer(() => Effect.sync(dispose))
      const { offers } = yield* adapter
      const offered = yield* offers?.({}) ?? Effect.undefined
      assert.deepStrictEqual(offered, {
        models: [
          { id: "one", name: "One", variants: [], options: [] },
          { id: "two", variants: [], options: [] }
        ],
        defaultModel: "one",
        agents: [],
        modes: ["act"],
        commands: [{ name: "echo", description: "Says what it is given", argumentHint: "words" }],
        skills: []
      })
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.live("P1 fake-acp: the replay of a load is dropped, also where it comes after its answer", () =>
    keeps("load", ["continuity/resumed", "continuity/restart", "missing/proved", "events/items"]))

  it.live("P1 fake-acp: an agent that resumes is asked for no load", () =>
    keeps("claims", ["continuity/resumed", "missing/proved"]))

  it.live("P2 fake-acp: an agent that says it loads sessions and does not is an error, and its session is not missing", () =>
    Effect.gen(function*() {
      const { adapter, dispose } = FakeWorld.make(["load", "claims"])
      yield* Effect.addFinalizer(() => Effect.sync(dispose))
      const { startSession } = yield* adapter
      const start = (from: StartInput["from"]) => startSession(FakeWorld.starts({ from }))
      const cursor = yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* Effect.flatMap(start({ _tag: "New" }), drive)
        yield* driven.run("say hello")
        return yield* cursorOf(driven)
      }))
      const refused = yield* Effect.flip(start({ _tag: "Resume", cursor }))
      assert.deepInclude(refused, { _tag: "AgentProtocolError", operation: "session/load", status: -32601 })
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.live("P4 fake-acp: a turn that is cancelled is interrupted once, whatever comes late", () =>
    keeps("late", ["interrupt/silent", "interrupt/streaming", "interrupt/twice", "interrupt/approval"]))

  it.live("P4 fake-acp: a turn that is cancelled and not ended is given up with its session, and the next one not sent", () =>
    Effect.gen(function*() {
      const driven = yield* Effect.flatMap(open(["deaf"], undefined, { cancelDeadline: "300 millis" }), drive)
      const { session } = driven
      yield* session.interruptTurn(yield* driven.send("hang"))
      const next = { turnId: TurnId.make("next"), ref: undefined, input: { prompt: "say next" } }
      assert.deepInclude(yield* Effect.flip(session.sendTurn(next)), { _tag: "AgentUnreachable", code: "ETIMEDOUT" })
      yield* driven.ended
      assert.deepStrictEqual(driven.seen.map(({ _tag }) => _tag), ["TurnInterrupted"])
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.live("P7 fake-acp: a live session goes from a mode in which the agent asks to one in which it does not, and back", () =>
    keeps("moded", ["mode/approval-required", "mode/full-access", "mode/read-only", "mode/switch", "mode/tighten"], {
      ...Qwen.profile,
      modes: { ...Qwen.profile.modes, "full-access": { mode: "auto", answer: "allow" } }
    }))

  it.live("P7 fake-acp: modes that differ by what the process is started with are the next session's", () =>
    Effect.gen(function*() {
      const { dispose, layer } = FakeWorld.make([], {
        ...Qwen.profile,
        modes: { ...Qwen.profile.modes, "full-access": { mode: "auto", answer: "allow", launch: { flags: ["free"] } } }
      })
      yield* Effect.addFinalizer(() => Effect.sync(dispose))
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const threadId = ThreadId.make("thread")
        const started = { threadId, instanceId: InstanceId.make("fake"), directory: tmpdir() }
        yield* agents.startSession({ ...started, projectConfig: "trust" })
        const apply = (runtimeMode: RuntimeMode) =>
          Effect.map(agents.configureThread({ threadId, runtimeMode }), ({ applied }) => applied)
        assert.strictEqual(yield* apply("read-only"), "now")
        assert.strictEqual(yield* apply("full-access"), "next-session")
      }).pipe(Effect.provide(
        CodingAgents.layer({ agents: layer, store: SessionStore.layerMemory })
      ))
      assert.deepInclude(Acp.capabilities(Grok.profile), { modeSwitch: "per-session" })
      assert.deepInclude(Acp.capabilities(Qwen.profile), { modeSwitch: "live" })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("P10 fake-acp: an agent has the time of its profile to end by itself once its stdin has, and with none a signal ends it", () =>
    Effect.gen(function*() {
      const exitOf = Effect.fnUntraced(function*(stopGrace: Profile.Profile["stopGrace"]) {
        const { exit = Effect.undefined } = yield* Effect.scoped(open(["slow-end"], undefined, { stopGrace }))
        return yield* exit
      })
      assert.deepInclude(yield* exitOf("5 seconds"), { exitCode: 0 })
      assert.deepInclude(yield* exitOf(0), { signal: "SIGTERM" })
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.live("P1 fake-acp: where no way is known to send them as words, words that begin with a slash are refused, and nothing is sent", () =>
    Effect.gen(function*() {
      for (const profile of [Acp.profile({ provider: "acme", command: "acme" }), Cursor.profile]) {
        const driven = yield* Effect.flatMap(open([], { ...profile, login: undefined }), drive)
        for (const prompt of ["/clear", "\n /clear"]) {
          const turn = { turnId: TurnId.make("slash"), ref: undefined, input: { prompt } }
          const refused = yield* Effect.flip(driven.session.sendTurn(turn))
          assert.deepInclude(refused, { _tag: "TurnRefused", name: "NotWords" })
        }
        yield* driven.run("recall")
        assert.deepStrictEqual(items(driven, "AssistantMessage").map(({ text }) => text), ["Nothing."])
      }
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.live("P2 fake-acp: an empty id is no session, and is sent to no agent", () =>
    Effect.gen(function*() {
      const from = { _tag: "Adopt", sessionId: SessionId.make(" ") } as const
      const refused = yield* Effect.flip(open([], undefined, undefined, { from }))
      // The agent would say that it does not have it.
      assert.deepInclude(refused, { _tag: "SessionMissing", evidence: "an empty id" })
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))

  it.live("P2 fake-acp: a session that is on no page of the list is missing, without a code that says so", () =>
    keeps("secretive", [
      "missing/proved",
      "missing/policy",
      "continuity/resumed",
      "approval/allow",
      "approval/exactly"
    ]))
})
