/**
 * A compaction that OpenCode makes by itself, and whoever dies on its way: the host, at each step, by kill -9; then its
 * server, with the host alive; and the session, by an orderly end.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, FileSystem, Layer, Path, Redacted, Schedule, Stream } from "effect"
import { existsSync, mkdirSync } from "node:fs"
import * as Processes from "../../examples/support/Processes.ts"
import * as ScriptedModel from "../../examples/support/ScriptedModel.ts"
import {
  type LifecycleEvent,
  LifecycleHooks,
  ProviderService,
  SessionId,
  type ThreadEvent,
  TranscriptArchive
} from "../../src/index.ts"
import * as Api from "../../src/opencode/Api.ts"
import * as EventHub from "../../src/opencode/EventHub.ts"
import * as Server from "../../src/opencode/Server.ts"
import { awaitEvent, endings, is, stored as storedOf } from "../support/Agents.ts"
import { isSummary } from "../support/CompactionGates.ts"
import * as CompactionHost from "../support/CompactionHost.ts"
import { register } from "../support/Hooks.ts"
import { folder, hands, reach, signal } from "../support/OpenCodeAgents.ts"
import { isAlive } from "../support/OpenCodeServer.ts"
import { filesIn } from "../support/SnapshotFixture.ts"

const { Reply, call, text } = ScriptedModel
const { full, instanceId, prompts, threadId } = CompactionHost

const followUp = "what was it?"
/** What OpenCode itself says after a compaction that it made by itself. */
const continues = "Continue if you have"
const summary = "In short: 42."
const printed = "the tool ran"
const stored = storedOf(threadId)

/** The first summary is held back if that is asked for, until whoever wants it hangs up. */
const script = (holdsFirst: boolean): ScriptedModel.Script => {
  let summaries = 0
  return (request) => {
    if (isSummary(request)) return holdsFirst && ++summaries === 1 ? Reply.Hang() : text(summary)
    if (request.lastUserText === followUp || request.lastUserText.startsWith(continues)) return text("It was 42.")
    if (request.lastUserText !== prompts.fill) return text(`echo: ${request.lastUserText}`)
    return request.afterToolResult
      ? Reply.Text({ text: "Long story.", usage: full })
      : call("bash", { command: `echo ${printed}`, description: "x" })
  }
}

/** A home for hosts, and the model that they share. */
const place = Effect.fnUntraced(function*(holdsFirst = false) {
  const model = yield* ScriptedModel.make(script(holdsFirst))
  const home = { home: yield* folder, model: model.url }
  mkdirSync(CompactionHost.workspace(home))
  return { model, home }
})

type Client = ReturnType<Effect.Success<ReturnType<typeof reach>>["client"]>

/** What OpenCode itself has of the session: texts and outputs of tools, by message. */
const messages = (client: Client, sessionID: string) =>
  Effect.map(
    Effect.promise(() => client.session.messages({ sessionID })),
    ({ data }) =>
      (data ?? []).map(({ info, parts }) => ({
        id: info.id,
        said: parts.flatMap((part) =>
          part.type === "text"
            ? [part.text]
            : part.type === "tool" && part.state.status === "completed"
            ? [part.state.output]
            : []
        )
      })).filter(({ said }) => said.length > 0)
  )

/** The server of the host, which outlives it. */
const serverIn = Effect.fnUntraced(function*(processes: Processes.Processes) {
  const server = (yield* processes.alive).find(({ command }) => / serve --hostname /.test(command))
  return yield* reach(server?.pid ?? 0)
})

/** A host at the point, and what can be seen of it behind its back. */
const halted = Effect.fnUntraced(function*(point: CompactionHost.Point) {
  const { home, model } = yield* place(point === "released")
  const processes = yield* Processes.make
  const child = yield* CompactionHost.start(home, point, processes.env)
  assert.deepStrictEqual(JSON.parse(child.line), { point })
  if (point === "released") yield* model.awaitRequest(isSummary)
  const request = yield* model.awaitRequest(({ lastUserText }) => lastUserText === prompts.fill)
  const sessionId = SessionId.make(request.sessionId ?? "")
  const server = yield* serverIn(processes)
  return { child, home, model, processes, server, sessionId, client: server.client(CompactionHost.workspace(home)) }
})

const compactions = (events: ReadonlyArray<ThreadEvent>) =>
  events.filter(is("CompactionGated")).map(({ compactionId }) => ({
    compactionId,
    outcomes: events.filter(is("CompactionSettled")).filter((event) => event.compactionId === compactionId).map((
      { outcome }
    ) => outcome)
  }))

/** All that was said before the compaction. */
const whole = [prompts.first, `echo: ${prompts.first}`, prompts.fill, printed, "Long story."]

/** What the model was told in a request, in one text. */
const toldIn = ({ messages }: ScriptedModel.ModelRequest) => messages.map(ScriptedModel.textOf).join("\n")

const has = (texts: ReadonlyArray<string>) => (request: ScriptedModel.ModelRequest) =>
  texts.every((text) => toldIn(request).includes(text))

/** Every snapshot on the disk is whole and listed, and nothing is half done. */
const sound = Effect.fnUntraced(function*(home: CompactionHost.Home) {
  const transcripts = yield* TranscriptArchive
  const path = yield* Path.Path
  const taken = yield* transcripts.snapshot(threadId)
  const directory = path.dirname(taken.path)
  const names = filesIn(path.join(CompactionHost.workspace(home), ".agents", "sessions"))
  assert.deepStrictEqual(names.filter((name) => /\.(tmp|trash)-/.test(name)), [])
  const manifests = filesIn(directory).filter((name) => name.endsWith(".json"))
  for (const name of manifests) yield* transcripts.verify({ path: path.join(directory, name) })
  const listed = (yield* transcripts.list(threadId)).map(({ snapshot }) => path.basename(snapshot.path))
  assert.sameMembers(listed, manifests.map((name) => path.basename(name)))
  return { listed, taken }
})

const promised = {
  history: 1,
  "half-segment": 1,
  segment: 1,
  manifest: 2,
  row: 2,
  guard: 2,
  released: 2,
  completed: 2,
  settled: 2
} as const satisfies Record<CompactionHost.Point, number>

const afterwards: Partial<Record<CompactionHost.Point, string>> = {
  guard: "unknown",
  released: "unknown",
  settled: "completed"
}

for (const point of CompactionHost.points) {
  it.live.runIf(process.platform === "linux")(
    `P13 P4 P10 P12 opencode: a host killed at "${point}" leaves no torn snapshot, one outcome, one end, and nobody`,
    () =>
      Effect.gen(function*() {
        const { child, client, home, model, processes, server, sessionId } = yield* halted(point)
        const before = yield* messages(client, sessionId)
        yield* child.kill
        const told: Array<LifecycleEvent> = []
        yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          // Nobody of the dead host is left.
          assert.deepStrictEqual(yield* processes.left, [])
          const crashed = yield* stored
          assert.deepStrictEqual(crashed.at(-1)?._tag, "SessionEnded")
          console.log(point, compactions(crashed), Object.values(endings(crashed)), before)

          yield* agents.startSession({ threadId })
          const h = (yield* hands).client(CompactionHost.workspace(home))
          const earlier = (yield* model.requests).length
          const turn = yield* agents.runTurn({ threadId, prompt: followUp }).pipe(Effect.tapError(() => Effect.flatMap(stored, (e) => Effect.sync(() => console.log(JSON.stringify(e.slice(-12), null, 1))))), Effect.tapError(() => Effect.gen(function*() { const m = yield* Effect.promise(() => h.session.messages({ sessionID: sessionId })); console.log(JSON.stringify(m.data, null, 1)) })))
          assert.strictEqual(turn.continuity._tag, "Resumed")
          const requests = (yield* model.requests).slice(earlier)
          console.log(point, requests.map((r) => [r.index, isSummary(r), r.lastUserText.slice(0, 60), r.messages.map((m) => m.role).join(" ")]))
          assert.isTrue(requests.every((request) => request.sessionId === sessionId))
          for (const request of requests) {
            if (isSummary(request)) assert.isTrue(has([...whole, followUp])(request))
            else assert.isTrue(has([summary])(request) || has([...whole, followUp])(request), toldIn(request))
          }
          assert.strictEqual(turn.text, "It was 42.")
          const events = yield* stored
          console.log(point, compactions(events), Object.values(endings(events)), (yield* sound(home)).listed.length, promised[point], afterwards)
          console.log(events.map((e) => e._tag).join(" "))
          const now = yield* messages((yield* hands).client(CompactionHost.workspace(home)), sessionId)
          console.log(now)
          for (const message of before) assert.deepInclude(now, message)
          console.log(told.map((e) => `${e.kind} ${e.delivery.recovered} ${"reason" in e ? e.reason : "source" in e ? e.source : "outcome" in e ? e.outcome: ""}`))
        }).pipe(Effect.provide(CompactionHost.layer({ ...home, told: (event) => void told.push(event) })))
      }).pipe(Effect.provide(NodeServices.layer)),
    60_000
  )
}
