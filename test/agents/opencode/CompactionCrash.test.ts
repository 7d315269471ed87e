/**
 * A compaction that OpenCode makes by itself, and whoever dies on its way: the host, at each step, by kill -9; then its
 * server, with the host alive; and the session, by an orderly end.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Path, Queue, Redacted, Schedule, Scope } from "effect"
import { mkdirSync } from "node:fs"
import * as Processes from "../../../examples/support/Processes.ts"
import { allow } from "../../../src/hooks/index.ts"
import {
  type LifecycleEvent,
  LifecycleHooks,
  ProviderService,
  SessionId,
  type ThreadEvent,
  TranscriptArchive
} from "../../../src/index.ts"
import * as Api from "../../../src/opencode/server/Api.ts"
import * as Server from "../../../src/opencode/server/Server.ts"
import type { CompactionOutcome } from "../../../src/protocol.ts"
import { ModelReply, type ModelRequest, ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import { awaitEvent, endings, is, stored as storedOf } from "../../support/Agents.ts"
import { isSummary } from "../../support/CompactionGates.ts"
import * as CompactionHost from "../../support/CompactionHost.ts"
import { register } from "../../support/Hooks.ts"
import { folder, hands, reach, signal } from "../../support/OpenCodeAgents.ts"
import { filesIn } from "../../support/SnapshotFixture.ts"

const { call, text } = ModelReply
const { full, instanceId, prompts, threadId, workspace } = CompactionHost

const followUp = "what was it?"
/** What OpenCode itself says after a compaction that it made by itself. */
const continues = "Continue if you have"
const summary = "In short: 42."
const printed = "the tool ran"
const stored = storedOf(threadId)

/** All that was said before the compaction. */
const whole = [prompts.first, `echo: ${prompts.first}`, prompts.fill, printed, "Long story."]

/** The first summary is held back if that is asked for, until whoever wants it hangs up. */
const script = (holdsFirst: boolean): ModelScript.ModelScript => {
  let summaries = 0
  return (request) => {
    if (isSummary(request)) return holdsFirst && ++summaries === 1 ? ModelReply.hang : text(summary)
    if (request.lastUserText === followUp || request.lastUserText.startsWith(continues)) return text("It was 42.")
    if (request.lastUserText !== prompts.fill) return text(`echo: ${request.lastUserText}`)
    return request.afterToolResult
      ? ModelReply.text("Long story.", { usage: full })
      : call("bash", { command: `echo ${printed}`, description: "x" })
  }
}

/** A home for hosts, and the model that they share. */
const place = Effect.fnUntraced(function*(holdsFirst = false) {
  const model = yield* ScriptedModel.make(script(holdsFirst))
  const home = { home: yield* folder, model: model.url }
  mkdirSync(workspace(home))
  return { model, home }
})

type Client = ReturnType<Effect.Success<ReturnType<typeof reach>>["client"]>

/** What OpenCode itself has of the session: the texts and outputs of tools of each message that is complete. */
const messagesOf = (client: Client, sessionID: string) =>
  Effect.map(
    Effect.promise(() => client.session.messages({ sessionID })),
    ({ data }) =>
      (data ?? []).flatMap(({ info, parts }) => {
        const said = parts.flatMap((part) => {
          if (part.type === "text") return [part.text]
          return part.type === "tool" && part.state.status === "completed" ? [part.state.output] : []
        })
        const complete = info.role === "user" || info.time.completed !== undefined
        return complete && said.length > 0 ? [{ id: info.id, said }] : []
      })
  )

/** A host at the point, and what can be seen of it behind its back. */
const halted = Effect.fnUntraced(function*(point: CompactionHost.Point) {
  const { home, model } = yield* place(point === "released")
  const processes = yield* Processes.make
  const child = yield* CompactionHost.start(home, point, processes.env)
  assert.deepStrictEqual(JSON.parse(child.line), { point })
  if (point === "released") yield* model.awaitRequest(isSummary)
  const request = yield* model.awaitRequest(({ lastUserText }) => lastUserText === prompts.fill)
  const sessionId = SessionId.make(request.sessionId ?? "")
  const running = (yield* processes.alive).find(({ command }) => command.includes(" serve --hostname "))
  const server = yield* reach(running?.pid ?? 0)
  return { child, home, model, processes, server, sessionId, client: server.client(workspace(home)) }
})

/** The outcomes of each compaction that was gated. */
const outcomes = (events: ReadonlyArray<ThreadEvent>) =>
  events.filter(is("CompactionGated")).map(({ compactionId }) =>
    events.filter(is("CompactionSettled")).filter((event) => event.compactionId === compactionId)
      .map(({ outcome }) => outcome)
  )

const knows = (texts: ReadonlyArray<string>, { messages }: ModelRequest) => {
  const told = messages.map(({ text }) => text).join("\n")
  return texts.every((text) => told.includes(text))
}

/** Summaries are made of everything, and who answers has either a summary or everything. */
const nothingForgotten = (requests: ReadonlyArray<ModelRequest>) => {
  assert.isAbove(requests.length, 0)
  for (const request of requests) {
    if (isSummary(request)) assert.isTrue(knows([...whole, followUp], request))
    else assert.notStrictEqual(knows([summary], request), knows(whole, request), JSON.stringify(request.messages))
  }
}

/** Reads every snapshot that has a name on the disk. */
const verified = Effect.fnUntraced(function*(home: CompactionHost.Home) {
  const transcripts = yield* TranscriptArchive
  const path = yield* Path.Path
  const folder = path.join(workspace(home), ".agents", "sessions")
  const names = filesIn(folder)
  const manifests = names.filter((name) => /\/[^/.]+\.json$/.test(name)).map((name) => path.join(folder, name))
  for (const name of manifests) yield* transcripts.verify({ path: name })
  return { manifests, leftovers: names.filter((name) => /\.(tmp|trash)-/.test(name)) }
})

interface Left {
  /** The snapshot is there. */
  readonly saved: boolean
  /** Of the compaction, if it was gated. */
  readonly outcome?: CompactionOutcome
  /** OpenCode has its summary. */
  readonly summarized?: boolean
}

/** What each point leaves to the next host. */
const left: Record<CompactionHost.Point, Left> = {
  history: { saved: false },
  "half-segment": { saved: false },
  segment: { saved: false },
  manifest: { saved: true },
  row: { saved: true },
  guard: { saved: true, outcome: "unknown" },
  released: { saved: true, outcome: "unknown" },
  completed: { saved: true, outcome: "unknown", summarized: true },
  settled: { saved: true, outcome: "completed", summarized: true }
}

for (const point of CompactionHost.points) {
  it.live.runIf(process.platform === "linux")(
    `P13 P4 P10 P12 opencode: a host killed at "${point}" leaves no torn snapshot, one outcome, one end, and nobody`,
    () =>
      Effect.gen(function*() {
        const { child, client, home, model, processes, sessionId } = yield* halted(point)
        const { outcome, saved, summarized = false } = left[point]
        const before = yield* messagesOf(client, sessionId)
        yield* child.kill
        const told: Array<LifecycleEvent> = []
        const toldOfTheEnd = yield* Deferred.make<void>()
        const listen = (event: LifecycleEvent) => {
          told.push(event)
          if (event._tag === "turn:end" && !event.delivery.recovered) Deferred.doneUnsafe(toldOfTheEnd, Exit.void)
        }
        yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          const transcripts = yield* TranscriptArchive
          assert.deepStrictEqual(yield* processes.left, [])
          const settled = yield* stored
          const settledOutcomes = outcome === undefined ? [] : [[outcome]]
          assert.deepStrictEqual(outcomes(settled), settledOutcomes)
          assert.deepStrictEqual(Object.values(endings(settled)), [["TurnCompleted"], ["TurnUnknown"]])
          assert.deepInclude(settled.at(-1), { _tag: "SessionEnded", reason: "host-crash" })
          assert.strictEqual((yield* verified(home)).manifests.length, saved ? 2 : 1)

          const earlier = (yield* model.requests).length
          const turn = yield* agents.runTurn({ threadId, prompt: followUp })
          assert.strictEqual(turn.continuity._tag, "Resumed")
          assert.strictEqual(turn.text, "It was 42.")
          const requests = (yield* model.requests).slice(earlier)
          nothingForgotten(requests)
          assert.deepStrictEqual(new Set(requests.map((request) => request.sessionId)), new Set([sessionId]))
          assert.strictEqual(requests.filter(isSummary).length, summarized ? 0 : 1)
          const now = yield* messagesOf((yield* hands).client(workspace(home)), sessionId)
          for (const message of before) assert.deepInclude(now, message)

          const events = yield* stored
          assert.deepStrictEqual(outcomes(events), [...settledOutcomes, ...(summarized ? [] : [["completed"]])])
          assert.deepStrictEqual(Object.values(endings(events)), [["TurnCompleted"], ["TurnUnknown"], [
            "TurnCompleted"
          ]])
          const transcript = yield* agents.readTranscript({ threadId })
          assert.deepStrictEqual(transcript.map(({ input }) => input?.prompt), [prompts.first, prompts.fill, followUp])
          const items = JSON.stringify(transcript)
          for (const text of whole) assert.include(items, text)

          yield* Deferred.await(toldOfTheEnd)
          const boundaries = told.filter(({ _tag, epoch }) =>
            _tag === "session:end" || (_tag === "session:start" && epoch > 1)
          )
          assert.deepInclude(boundaries[0], { _tag: "session:end", reason: "host-crash", endedAtEstimated: true })
          assert.deepInclude(boundaries[1], { _tag: "session:start", source: "recovered" })
          assert.strictEqual(boundaries.length, 2)
          const unknown = told.filter((event) => event._tag === "compaction:after" && event.outcome === "unknown")
          assert.strictEqual(unknown.length, outcome === "unknown" ? 1 : 0)
          assert.strictEqual(new Set(told.map(({ eventId }) => eventId)).size, told.length)

          const { path } = yield* transcripts.snapshot({ threadId })
          const { leftovers, manifests } = yield* verified(home)
          assert.deepStrictEqual(leftovers, [])
          assert.include(manifests, path)
          assert.strictEqual(manifests.length, (saved ? 2 : 1) + (summarized ? 0 : 1) + 1)
          const listed = yield* transcripts.list({ threadId })
          assert.sameMembers(listed.map(({ snapshot }) => snapshot.path), manifests)
        }).pipe(Effect.provide(CompactionHost.layer({ ...home, told: listen })))
      }).pipe(Effect.provide(NodeServices.layer))
  )
}

it.live.runIf(process.platform === "linux")(
  "P13 opencode: an agent whose host was killed while it held it goes idle, asks for no summary, and has all it had",
  () =>
    Effect.gen(function*() {
      const { child, client, home, model, server, sessionId } = yield* halted("guard")
      const orphan = yield* Server.external({
        instanceId,
        baseUrl: server.baseUrl,
        password: Redacted.make(server.password)
      })
      const call = yield* Api.make(orphan)
      const busy = call("session.status", workspace(home), (client, signal) => client.session.status({}, { signal }))
      assert.deepInclude(yield* busy, { [sessionId]: { type: "busy" } })
      const before = yield* messagesOf(client, sessionId)
      yield* child.kill
      // Asked again and again: a frame may come before a stream listens for it.
      yield* Effect.repeat(busy, {
        schedule: Schedule.spaced("50 millis"),
        until: (sessions) => !Object.hasOwn(sessions, sessionId)
      }).pipe(Effect.timeout("20 seconds"))
      assert.deepStrictEqual(yield* messagesOf(client, sessionId), before)
      assert.isFalse((yield* model.requests).some(isSummary))
    }).pipe(Effect.provide(NodeServices.layer))
)

/** A guard that does not answer until it is told to let everything pass. */
const holding = Effect.gen(function*() {
  const asked = yield* Queue.unbounded<void>()
  let holds = true
  yield* register(LifecycleHooks.guard({
    name: "holding",
    events: ["compaction:before"],
    timeout: "1 minute",
    run: () =>
      Effect.andThen(
        Queue.offer(asked, undefined),
        Effect.suspend(() => holds ? Effect.never : Effect.succeed(allow))
      )
  }))
  return { held: Queue.take(asked), letPass: Effect.sync(() => void (holds = false)) }
})

const begin = Effect.fnUntraced(function*(home: CompactionHost.Home) {
  const agents = yield* ProviderService
  const directory = workspace(home)
  yield* agents.startSession({ threadId, instanceId, directory, runtimeMode: "full-access", title: "test" })
  yield* agents.runTurn({ threadId, prompt: prompts.first })
  yield* agents.sendTurn({ threadId, prompt: prompts.fill })
})

it.live.runIf(process.platform === "linux")(
  "P13 P4 opencode: a server killed while it is held ends the turn and the compaction once, and the next turn resumes",
  () =>
    Effect.gen(function*() {
      const { home, model } = yield* place()
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const { held, letPass } = yield* holding
        yield* begin(home)
        yield* held
        yield* signal((yield* hands).pid, "SIGKILL")
        assert.strictEqual((yield* awaitEvent(is("SessionEnded"), threadId)).reason, "lost")
        const lost = yield* stored
        // It depends on which is heard first, that the question was given up or that the session is lost.
        const [outcome = [], ...others] = outcomes(lost)
        assert.deepStrictEqual([outcome.length, others], [1, []])
        assert.oneOf(outcome[0], ["cancelled", "unknown"])
        assert.deepStrictEqual(Object.values(endings(lost)), [["TurnCompleted"], ["TurnFailed"]])
        assert.deepInclude(lost.findLast(is("TurnFailed"))?.failure, { _tag: "SessionLost", signal: "SIGKILL" })
        yield* letPass
        const earlier = (yield* model.requests).length
        assert.strictEqual((yield* agents.runTurn({ threadId, prompt: followUp })).continuity._tag, "Resumed")
        nothingForgotten((yield* model.requests).slice(earlier))
        assert.deepStrictEqual(outcomes(yield* stored).slice(1), [["completed"]])
      }).pipe(Effect.provide(CompactionHost.layer(home)))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
)

it.live.runIf(process.platform === "linux")(
  "P13 P4 opencode: stopped, and shut down, while it is held: one end, one outcome each, and the next turn resumes",
  () =>
    Effect.gen(function*() {
      const { home, model } = yield* place()
      const first = yield* Scope.make()
      const host = yield* Layer.buildWithScope(CompactionHost.layer(home), first)
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const { held } = yield* holding
        yield* begin(home)
        yield* held
        yield* agents.stopSession({ threadId })
        assert.strictEqual((yield* stored).at(-1)?._tag, "SessionEnded")
        assert.strictEqual((yield* agents.sendTurn({ threadId, prompt: followUp })).continuity._tag, "Resumed")
        yield* held
      }).pipe(Effect.provide(host))
      yield* Scope.close(first, Exit.void)
      assert.isFalse((yield* model.requests).some(isSummary))
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const before = yield* stored
        const ended = before.filter(is("SessionEnded")).map(({ reason }) => reason)
        assert.deepStrictEqual(ended, ["stopped", "shutdown"])
        assert.deepStrictEqual(outcomes(before).map(({ length }) => length), [1, 1])
        for (const ends of Object.values(endings(before))) assert.strictEqual(ends.length, 1)
        const earlier = (yield* model.requests).length
        const turn = yield* agents.runTurn({ threadId, prompt: followUp })
        assert.strictEqual(turn.continuity._tag, "Resumed")
        nothingForgotten((yield* model.requests).slice(earlier))
        assert.deepStrictEqual(outcomes(yield* stored).at(-1), ["completed"])
        const { leftovers, manifests } = yield* verified(home)
        assert.deepStrictEqual(leftovers, [])
        assert.strictEqual(manifests.length, 3)
      }).pipe(Effect.provide(CompactionHost.layer(home)))
    }).pipe(Effect.provide(NodeServices.layer))
)
