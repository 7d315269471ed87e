/**
 * The seed of it all, on the real OpenCode: a conversation is compacted, by itself or on request, and every message and
 * tool output from before is on the disk before the model is asked for a summary.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Path } from "effect"
import { openCodeConfig } from "../../../examples/support/OpenCodeConfig.ts"
import { allow, type GuardVerdict, veto } from "../../../src/hooks/index.ts"
import {
  type CodingAgents,
  InstanceId,
  LifecycleHooks,
  ProviderService,
  type ThreadId,
  TranscriptArchive
} from "../../../src/index.ts"
import * as Server from "../../../src/opencode/server/Server.ts"
import { AgentProcesses } from "../../../src/store/index.ts"
import { ModelReply, ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import { awaitEvent, endings, is, stored } from "../../support/Agents.ts"
import { isSummary, overflow } from "../../support/CompactionGates.ts"
import * as OpenCodeAgents from "../../support/OpenCodeAgents.ts"
import { folder, start } from "../../support/OpenCodeAgents.ts"
import { full } from "../../support/OpenCodeSessions.ts"

const { text } = ModelReply

/** What each thread's guard says, and what happens when its summary is asked for. */
const guards = new Map<ThreadId, Effect.Effect<GuardVerdict>>()
const onSummary = new Map<string, Effect.Effect<unknown>>()

const keeper = LifecycleHooks.guard({
  name: "keeper",
  events: ["compaction:before"],
  run: ({ threadId }) => guards.get(threadId) ?? Effect.succeed(allow)
})

/** Long answers fill the context; what follows a compaction is short. */
const scripted = Layer.effect(
  ScriptedModel,
  Effect.gen(function*() {
    const scripts = new Map<string, ModelScript.ModelScript>()
    const answer: ModelScript.ModelScript = (request) => {
      if (request.lastUserText.startsWith("Continue if you have")) return text("Gone on.")
      // What was added for the model to read stands before the prompt.
      return (scripts.get(request.lastUserText.split("\n").at(-1) ?? "") ?? ModelScript.echo)(request)
    }
    const model = yield* ScriptedModel.make((request) =>
      isSummary(request)
        ? Effect.as(onSummary.get(request.sessionId ?? "") ?? Effect.void, text("In short."))
        : answer(request)
    )
    return ScriptedModel.of({
      ...model,
      on: (prompt, answer) =>
        Effect.sync(() => void scripts.set(prompt, typeof answer === "function" ? answer : () => answer))
    })
  })
)

const host = (settings: CodingAgents.Settings = {}) =>
  Layer.unwrap(Effect.gen(function*() {
    const path = yield* Path.Path
    const model = yield* ScriptedModel
    return OpenCodeAgents.host({
      settings,
      hooks: [keeper],
      filename: path.join(yield* folder, "threads.db"),
      agent: { config: openCodeConfig(model, { context: 40_000, output: 4_000 }) }
    })
  })).pipe(Layer.provideMerge(scripted), Layer.provideMerge(NodeServices.layer), Layer.orDie)

/** On a server that runs already, without our plugin. */
const external = (compaction: { readonly auto: boolean }) =>
  Layer.unwrap(Effect.gen(function*() {
    const path = yield* Path.Path
    const model = yield* ScriptedModel
    const server = yield* Server.managed({
      instanceId: InstanceId.make("external"),
      isolated: true,
      stopDeadline: "3 seconds",
      config: { ...openCodeConfig(model, { context: 40_000, output: 4_000 }), compaction }
    })
    return OpenCodeAgents.host({
      filename: path.join(yield* folder, "threads.db"),
      agent: { baseUrl: server.baseUrl, password: server.password }
    })
  })).pipe(
    Layer.provideMerge(scripted),
    Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)),
    Layer.orDie
  )

const command = (line: string): ModelReply.Reply =>
  ModelReply.calls([{ name: "bash", arguments: { command: line, description: "a command" } }])

/** A turn whose tool says something, and whose answer fills the context if it shall. */
const works = (line: string, fills: boolean): ModelScript.ModelScript => (request) =>
  request.afterToolResult
    ? ModelReply.text(`It said ${request.lastToolResult?.trim()}.`, fills ? { usage: full } : {})
    : command(line)

/** Two turns with tools; after the second one the context is full. */
const converse = Effect.fnUntraced(function*(threadId: ThreadId, fills = true) {
  const agents = yield* ProviderService
  const model = yield* ScriptedModel
  yield* model.on(`look ${threadId}`, works(`echo first output of ${threadId}`, false))
  yield* model.on(`look again ${threadId}`, works(`echo second output of ${threadId}`, fills))
  yield* agents.runTurn({ threadId, prompt: `look ${threadId}` })
  return yield* agents.runTurn({ threadId, prompt: `look again ${threadId}` })
})

const before = (threadId: ThreadId) => [
  `look ${threadId}`,
  `first output of ${threadId}`,
  `It said first output of ${threadId}.`,
  `look again ${threadId}`,
  `second output of ${threadId}`,
  `It said second output of ${threadId}.`
]

/** What a snapshot holds: words, and what tools have said. */
const contents = Effect.fnUntraced(function*(path: string) {
  const archive = yield* TranscriptArchive
  const { messages } = yield* archive.read({ path })
  return messages.flatMap(({ items }) =>
    items.flatMap((item) => "text" in item ? [item.text] : item._tag === "Command" ? [item.output?.trim()] : [])
  )
})

const settlements = (threadId: ThreadId) =>
  Effect.map(stored(threadId), (events) => events.filter(is("CompactionSettled")).map(({ outcome }) => outcome))

const gates = (threadId: ThreadId) => Effect.map(stored(threadId), (events) => events.filter(is("CompactionGated")))

const begin = (options: Parameters<typeof start>[0] = {}) => start({ runtimeMode: "full-access", ...options })

/** How many snapshots can be verified when the model is asked for the summary. */
const verifiedAtSummary = Effect.fnUntraced(function*(threadId: ThreadId, sessionId: string) {
  const archive = yield* TranscriptArchive
  const seen: Array<number> = []
  onSummary.set(
    sessionId,
    Effect.gen(function*() {
      const records = yield* archive.list({ threadId })
      for (const { snapshot } of records) yield* archive.verify({ path: snapshot.path })
      seen.push(records.length)
    }).pipe(Effect.orDie)
  )
  return seen
})

layer(host(), { timeout: "120 seconds", excludeTestServices: true })("OpenCode is held", (it) => {
  it.effect("P13 opencode: past its limit a conversation is compacted by itself, and all of it was on the disk, verified, before", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { sessionId, threadId } = yield* begin()
      const seen = yield* verifiedAtSummary(threadId, sessionId)
      yield* converse(threadId)
      assert.deepStrictEqual(seen, [1])
      const [gated, ...others] = yield* gates(threadId)
      assert.deepStrictEqual(others, [])
      assert.deepInclude<unknown>(gated, { trigger: "auto", vetoable: true })
      assert.deepInclude<unknown>(gated?.snapshot, { timing: "before" })
      assert.deepStrictEqual(yield* contents(gated?.snapshot?.path ?? ""), before(threadId))
      assert.deepStrictEqual(yield* settlements(threadId), ["completed"])
      const settled = (yield* stored(threadId)).find(is("CompactionSettled"))
      assert.strictEqual(settled?.summary, "In short.")
      // Nothing is missing afterwards either, and each turn has ended once.
      const said = (yield* agents.readTranscript({ threadId })).map((turn) => turn.input?.prompt)
      assert.deepStrictEqual(said, [`look ${threadId}`, `look again ${threadId}`])
      assert.isTrue(Object.values(endings(yield* stored(threadId))).every((ends) => ends.length === 1))
    }))

  it.effect("P13 opencode: a compaction on request is saved before it is asked for", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { sessionId, threadId } = yield* begin()
      yield* converse(threadId, false)
      const seen = yield* verifiedAtSummary(threadId, sessionId)
      const result = yield* agents.compactThread({ threadId })
      assert.deepInclude<unknown>(result, { outcome: "completed", summary: "In short." })
      assert.deepInclude<unknown>(result.snapshot, { timing: "before", completeness: "complete" })
      assert.deepStrictEqual(seen, [1])
      assert.deepStrictEqual(yield* contents(result.snapshot?.path ?? ""), before(threadId))
      // The session goes on in its epoch, whose start made it.
      const next = yield* agents.runTurn({ threadId, prompt: "still there?" })
      assert.deepInclude<unknown>(next, { epoch: 1, continuity: { _tag: "Created" } })
      assert.strictEqual((yield* agents.getThread({ threadId })).sessionId, sessionId)
    }))

  it.effect("P13 opencode: an overflow that the model reports is saved before it is mended, and the turn goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { sessionId, threadId } = yield* begin()
      yield* converse(threadId, false)
      const seen = yield* verifiedAtSummary(threadId, sessionId)
      let overflown = false
      yield* model.on(`too much ${threadId}`, () => {
        if (overflown) return text("Now it fits.")
        overflown = true
        return overflow
      })
      // A veto would be in the way of every further turn.
      guards.set(threadId, Effect.succeed(veto("never")))
      const turn = yield* agents.runTurn({ threadId, prompt: `too much ${threadId}` })
      assert.strictEqual(turn.text, "Now it fits.")
      assert.deepStrictEqual(seen, [1])
      const [gated] = yield* gates(threadId)
      assert.deepInclude<unknown>(gated, { trigger: "overflow", vetoable: false })
      assert.includeMembers(yield* contents(gated?.snapshot?.path ?? ""), before(threadId))
      assert.deepStrictEqual(yield* settlements(threadId), ["completed"])
    }))

  it.effect("P13 opencode: a guard that vetoes is heard twice; nothing is summed up, the turns have their answers; then it goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* begin()
      guards.set(threadId, Effect.succeed(veto("not now")))
      assert.strictEqual((yield* converse(threadId)).text, `It said second output of ${threadId}.`)
      yield* model.on(`more ${threadId}`, () => ModelReply.text("More.", { usage: full }))
      for (let n = 0; n < 2; n++) yield* Effect.ignore(agents.runTurn({ threadId, prompt: `more ${threadId}` }))
      const outcomes = yield* settlements(threadId)
      assert.deepStrictEqual(outcomes.slice(0, 3), ["vetoed", "vetoed", "completed"])
      const events = yield* stored(threadId)
      assert.strictEqual(events.find(is("CompactionSettled"))?.reason, "keeper: not now")
      assert.isTrue(Object.values(endings(events)).every((ends) => ends.length === 1))
    }))

  it.effect("P13 opencode: the agent is told where the transcript is, and reads it there", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { sessionId, threadId } = yield* begin({ compaction: { tellAgent: true } })
      yield* converse(threadId)
      const path = (yield* gates(threadId))[0]?.snapshot?.path ?? "nowhere"
      const requests = (yield* model.requests).filter((request) => request.sessionId === sessionId)
      assert.include(requests.find(isSummary)?.lastUserText, path)
      yield* model.on(`where was it? ${threadId}`, works(`cat ${path} | head -c 60`, false))
      const next = yield* agents.runTurn({ threadId, prompt: `where was it? ${threadId}` })
      assert.include(next.text, "snapshotId")
      const asked = (yield* model.requests).find(({ lastUserText }) =>
        lastUserText.includes(`where was it? ${threadId}`)
      )
      assert.include(asked?.messages.map(({ text }) => text).join("\n"), path)
    }))

  it.effect("P13 opencode: a disk that cannot take the transcript stops the compaction by policy, or is told and passed over", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const blocked = yield* begin({ compaction: { savePath: "/dev/null/sessions" } })
      assert.strictEqual((yield* converse(blocked.threadId)).text, `It said second output of ${blocked.threadId}.`)
      assert.deepStrictEqual(yield* settlements(blocked.threadId), ["cancelled"])
      const failure = (yield* stored(blocked.threadId)).find(is("SnapshotFailed"))?.failure
      assert.include(["ENOTDIR", "EEXIST"], failure?.code)
      const refused = yield* Effect.flip(agents.compactThread({ threadId: blocked.threadId }))
      assert.deepInclude<unknown>(refused, { _tag: "CompactionRefused", outcome: "cancelled" })
      const passed = yield* begin({
        compaction: { savePath: "/dev/null/sessions", onSnapshotFailure: "proceed" }
      })
      yield* converse(passed.threadId)
      assert.deepStrictEqual(yield* settlements(passed.threadId), ["completed"])
      assert.isDefined((yield* gates(passed.threadId))[0]?.failure)
    }))
})

layer(external({ auto: true }), { timeout: "120 seconds", excludeTestServices: true })(
  "OpenCode is only watched",
  (it) => {
    it.effect("P13 opencode: a server without our plugin is not held; the snapshot is whole and says that it was not before", () =>
      Effect.gen(function*() {
        const { threadId } = yield* begin()
        yield* converse(threadId)
        yield* awaitEvent(is("CompactionSettled"), threadId)
        const [gated] = yield* gates(threadId)
        assert.strictEqual(gated?.vetoable, false)
        assert.include(["concurrent", "after"], gated?.snapshot?.timing)
        assert.includeMembers(yield* contents(gated?.snapshot?.path ?? ""), before(threadId))
        assert.deepStrictEqual(yield* settlements(threadId), ["completed"])
      }))
  }
)

layer(external({ auto: false }), { timeout: "120 seconds", excludeTestServices: true })(
  "OpenCode is asked by us",
  (it) => {
    it.effect("P13 opencode: a server that does not compact by itself is asked after an overflow, saved before, and goes on", () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* ScriptedModel
        const { sessionId, threadId } = yield* begin()
        // Full, and yet nothing happens by itself.
        yield* converse(threadId)
        assert.deepStrictEqual(yield* gates(threadId), [])
        const seen = yield* verifiedAtSummary(threadId, sessionId)
        yield* model.on(`too much ${threadId}`, () => overflow)
        const failed = yield* Effect.flip(agents.runTurn({ threadId, prompt: `too much ${threadId}` }))
        assert.strictEqual(failed._tag, "TurnNotCompleted")
        assert.strictEqual((yield* awaitEvent(is("CompactionSettled"), threadId)).outcome, "completed")
        assert.deepStrictEqual(seen, [1])
        const [gated] = yield* gates(threadId)
        assert.deepInclude<unknown>(gated, { trigger: "overflow" })
        assert.strictEqual(gated?.snapshot?.timing, "before")
        assert.includeMembers(yield* contents(gated?.snapshot?.path ?? ""), before(threadId))
      }))
  }
)
