/** Every operation over HTTP, on a real socket, by the client that Effect makes of the contract. */
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Schedule, Stream } from "effect"
import { HttpApiClient } from "effect/http-api"
import { createHash } from "node:crypto"
import { Api } from "../../src/api/index.ts"
import { LifecycleHooks, ThreadId, TurnId } from "../../src/index.ts"
import { Operations } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import { Broken } from "../support/Hooks.ts"
import * as HttpHost from "../support/HttpHost.ts"
import { turn } from "../support/Imports.ts"

const { mock: instanceId, threadId } = Agents

/** What the contract has beside the operations. */
const beside = ["purgeAll", "healthy", "ready"]

const endpoints = Object.values(Api.groups).flatMap(({ endpoints }) => Object.keys(endpoints))

const called = new Set<string>()

/** Notes what is called of a group of a client. */
const noted = <Group extends object>(group: Group): Group =>
  new Proxy(group, {
    get: (target, endpoint) => {
      called.add(String(endpoint))
      return Reflect.get(target, endpoint)
    }
  })

const client = Effect.fnUntraced(function*(options: HttpHost.Options = {}) {
  const directory = yield* Agents.folder
  const { context, url } = yield* HttpHost.start({ filename: `${directory}/threads.db`, ...options })
  const groups = yield* HttpApiClient.make(Api, { baseUrl: url })
  const api = {
    threads: noted(groups.threads),
    turns: noted(groups.turns),
    requests: noted(groups.requests),
    events: noted(groups.events),
    transcript: noted(groups.transcript),
    snapshots: noted(groups.snapshots),
    instances: noted(groups.instances),
    hooks: noted(groups.hooks),
    health: noted(groups.health)
  }
  return { api, agent: Context.get(context, MockProvider), directory, url }
})

const onServer = Effect.provide([NodeHttpClient.layerNodeHttp, Agents.platform])

/** The elements of the first frames that have one. */
const elements = <Frame extends { readonly event: string }, E, R>(frames: Stream.Stream<Frame, E, R>, count: number) =>
  frames.pipe(
    Stream.filter((frame): frame is Extract<Frame, { readonly event: "message" }> => frame.event === "message"),
    Stream.take(count),
    Stream.runCollect
  )

const params = { threadId }
const one = { params: { instanceId } }
const ofThread = (id: string) => ({ params: { threadId: ThreadId.make(id) } })

describe("endpoints", () => {
  it("every operation has one, and the contract has no others", () => {
    const operations = [Operations.service, Operations.archive, Operations.hooks].flatMap(Object.keys)
    assert.sameMembers(endpoints, [...operations, ...beside])
  })

  it.live("mock: of the server, its agents and its hooks", () =>
    Effect.gen(function*() {
      const { agent, api, directory } = yield* client({
        mock: { signIn: { device: Stream.make({ _tag: "SignedIn", account: "a@example.org" }) } },
        hooks: [
          LifecycleHooks.observe({
            name: "billing",
            events: ["session:*"],
            attempts: 1,
            run: () => Effect.fail(new Broken())
          }),
          LifecycleHooks.observe({ name: "search", events: ["session:*"], run: () => Effect.never })
        ]
      })
      const { health, hooks, instances, threads } = api
      assert.deepStrictEqual(yield* health.healthy(), { status: "ok" })
      assert.deepStrictEqual(yield* health.ready(), { status: "ok" })
      assert.deepStrictEqual(
        (yield* instances.listAgents()).map((info) => info.instanceId),
        [instanceId]
      )
      assert.deepInclude(yield* instances.checkAgent(one), { installed: true, login: "in" })
      assert.deepInclude(yield* instances.listOffers({ ...one, query: { refresh: true } }), { modes: ["act", "plan"] })
      const [offered] = yield* elements(yield* instances.watchOffers({ ...one, query: {} }), 1)
      assert.deepInclude(offered?.data, { modes: ["act", "plan"] })
      const steps = yield* elements(yield* instances.signIn({ ...one, payload: { method: "device" } }), 2)
      assert.deepStrictEqual(steps.map(({ data }) => data), [{ _tag: "SignedIn", account: "a@example.org" }])
      assert.deepInclude(yield* instances.ask({ payload: { instanceId, prompt: "why" } }), { text: "echo: why" })
      const sessionId = yield* agent.makeSession({ directory, words: "the number is 42" })
      const { sessions } = yield* instances.listSessions({ ...one, query: { directory } })
      assert.deepStrictEqual(sessions.map((session) => session.sessionId), [sessionId])
      const adopted = yield* threads.adoptSession({ params, payload: { instanceId, sessionId, directory } })
      assert.deepStrictEqual(adopted.continuity, { _tag: "Adopted" })
      const { deliveries } = yield* Effect.repeat(hooks.givenUp({ query: { hook: "billing", limit: 10 } }), {
        until: (page) => page.deliveries.length > 0,
        schedule: Schedule.spaced("20 millis")
      })
      assert.deepInclude(deliveries[0], { hook: "billing", attempts: 1, error: "Broken" })
      const waiting = yield* hooks.waiting({ query: { hook: "search", limit: 10 } })
      assert.deepInclude(waiting.deliveries[0], { hook: "search", attempts: 1 })
      assert.isNumber(waiting.deliveries[0]?.nextAt)
      assert.isAtLeast(yield* hooks.resend({ payload: { hook: "billing" } }), 1)
    }).pipe(onServer))

  it.live("mock: of threads and their sessions", () =>
    Effect.gen(function*() {
      const { api, directory } = yield* client()
      const { threads, turns } = api
      const made = yield* threads.createThread({ payload: { threadId, instanceId, directory, labels: { team: "a" } } })
      assert.deepInclude(made, { threadId, status: "stopped" })
      assert.deepStrictEqual((yield* threads.startSession({ params, payload: {} })).continuity, { _tag: "Created" })
      assert.deepInclude(yield* threads.configureThread({ params, payload: { title: "One" } }), { threadId })
      assert.deepInclude(yield* threads.getThread({ params }), { threadId, title: "One" })
      const list = (query: Parameters<typeof threads.listThreads>[0]["query"]) =>
        Effect.map(threads.listThreads({ query }), (page) => page.threads.map((thread) => thread.threadId))
      assert.deepStrictEqual(yield* list({ labels: { team: "a" }, status: ["idle", "running"], limit: 5 }), [threadId])
      assert.deepStrictEqual(yield* list({ labels: { team: "b" } }), [])
      assert.deepStrictEqual(yield* list({ archived: true }), [])
      assert.deepInclude(yield* threads.refreshSetup({ params }), { threadId, applied: "unchanged" })
      const run = (prompt: string) => turns.runTurn({ params, headers: {}, payload: { prompt } })
      yield* run("one")
      const { turnId } = yield* run("two")
      const copy = yield* threads.forkThread({ params, payload: { newThreadId: ThreadId.make("copy") } })
      assert.deepInclude(copy.continuity, { _tag: "Forked", from: threadId })
      assert.deepInclude(yield* threads.rewindThread({ params, payload: { before: turnId } }), { before: turnId })
      const note = yield* threads.annotate({ params, payload: { kind: "note", data: { stars: 5 } } })
      assert.isAbove(note.seq, 0)
      assert.deepInclude(yield* threads.compactThread({ params }), { threadId, outcome: "completed" })
      assert.strictEqual((yield* threads.resetThread({ params })).threadId, threadId)
      yield* threads.stopSession({ params })
      assert.strictEqual((yield* threads.getThread({ params })).status, "stopped")
      yield* threads.deleteThread(ofThread("copy"))
      assert.strictEqual((yield* Effect.flip(threads.getThread(ofThread("copy"))))._tag, "ThreadNotFound")
      const brought = { threadId: ThreadId.make("brought"), instanceId, directory }
      const imported = yield* threads.importThread({
        payload: Stream.make({ thread: brought }, { turn: turn(0) }, { turn: turn(1) })
      })
      assert.strictEqual(imported.turns, 2)
    }).pipe(onServer))

  it.live("mock: of turns, of what they ask, and of events", () =>
    Effect.gen(function*() {
      const { agent, api, directory } = yield* client()
      const { events, requests, threads, turns } = api
      yield* threads.startSession({ params, payload: { instanceId, directory } })
      const key = { "idempotency-key": TurnId.make("first") }
      const ran = yield* turns.runTurn({ params, headers: key, payload: { prompt: "hi" } })
      assert.deepInclude(ran, { turnId: TurnId.make("first"), text: "echo: hi" })
      yield* agent.nextTurn(() => [
        MockStep.command("make"),
        MockStep.question([{ question: "Which?" }]),
        MockStep.elicitation({ message: "Who?", form: { _tag: "Url", url: "https://example.org" } }),
        MockStep.command("serve", { background: true, asks: false }),
        MockStep.hang
      ])
      const { turnId } = yield* turns.sendTurn({ params, headers: {}, payload: { prompt: "work" } })
      const next = Effect.map(agent.awaitRequest(), ({ request: { requestId } }) => ({ threadId, requestId }))
      yield* requests.respondToApproval({ params: yield* next, payload: { decision: { _tag: "AllowOnce" } } })
      const answers = [["this"]]
      yield* requests.answerQuestion({ params: yield* next, payload: { answer: { _tag: "Answered", answers } } })
      yield* requests.answerElicitation({ params: yield* next, payload: { answer: { _tag: "Decline" } } })
      const all = yield* events.streamAllEvents({ headers: {}, query: { kinds: ["TaskStarted", "TaskEnded"] } })
      const [begun] = yield* elements(all, 1)
      assert.strictEqual(begun?.data._tag, "TaskStarted")
      if (begun?.data._tag === "TaskStarted") {
        yield* threads.stopTask({ params: { threadId, taskId: begun.data.task.taskId } })
      }
      const after = { headers: {}, query: { after: begun?.data.position, kinds: ["TaskEnded"] as const } }
      assert.strictEqual((yield* elements(yield* events.streamAllEvents(after), 1))[0]?.data._tag, "TaskEnded")
      yield* turns.interruptTurn({ params, query: { turnId } })
      const seen = yield* elements(yield* events.streamEvents({ params, headers: {}, query: { after: 1 } }), 2)
      assert.deepStrictEqual(seen.map(({ data, id }) => [id, data._tag]), [["2", "TurnStarted"], ["3", "ItemStarted"]])
      const [page] = yield* elements(yield* events.watchThreads({ query: { limit: 10, archived: false } }), 1)
      assert.strictEqual(page?.data._tag, "Page")
    }).pipe(onServer))

  it.live("mock: of transcripts, bytes and snapshots", () =>
    Effect.gen(function*() {
      const { api, directory } = yield* client()
      const { snapshots, threads, transcript, turns } = api
      yield* threads.startSession({ params, payload: { instanceId, directory } })
      const bytes = Buffer.from("not really an image")
      const attachments = [{
        _tag: "Data",
        name: "a.png",
        mime: "image/png",
        base64: bytes.toString("base64")
      }] as const
      yield* turns.runTurn({ params, headers: {}, payload: { prompt: "look", attachments } })
      const read = yield* transcript.readTranscript({ params, query: { limit: 10 } })
      assert.deepStrictEqual(read.map(({ input }) => input?.prompt), ["look"])
      const streamed = yield* transcript.streamTranscript({ params, query: {} })
      assert.deepStrictEqual(yield* Stream.runCollect(streamed), read)
      const sha256 = createHash("sha256").update(bytes).digest("hex")
      assert.deepStrictEqual(Buffer.from(yield* transcript.readBlob({ params: { threadId, sha256 } })), bytes)
      const { snapshotId } = yield* snapshots.snapshot({ params })
      const saved = { params: { threadId, snapshotId } }
      assert.deepStrictEqual((yield* snapshots.list({ params })).map((found) => found.snapshot.snapshotId), [
        snapshotId
      ])
      assert.deepStrictEqual((yield* snapshots.read(saved)).turns.map(({ input }) => input?.prompt), ["look"])
      assert.deepInclude(yield* snapshots.verify(saved), { snapshotId })
      assert.include((yield* snapshots.export({ ...saved, query: { format: "markdown" } })).text, "look")
      const restored = yield* snapshots.restore({ ...saved, payload: { threadId: ThreadId.make("restored") } })
      assert.deepInclude(restored.continuity, { _tag: "Rehydrated", reason: "restored" })
      assert.strictEqual(yield* snapshots.purge(saved), 1)
      assert.strictEqual((yield* Effect.flip(snapshots.read(saved)))._tag, "SnapshotUnknown")
      yield* snapshots.snapshot({ params })
      assert.strictEqual(yield* snapshots.purgeAll({ params }), 1)
    }).pipe(onServer))

  it("all were called", () => assert.sameMembers(Array.from(called), endpoints))
})
