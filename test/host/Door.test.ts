/**
 * P15 on the mock: what comes in is decoded at the door. Bad input is a typed error before the store or the agent sees
 * anything of it.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { HookDeliveries } from "../../src/hooks/index.ts"
import {
  InstanceId,
  Operations,
  ProviderService,
  SessionStore,
  type ThreadEvent,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import { layerTest, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

/** A value as it comes from a JSON body: what its type claims was never checked. */
function unchecked<A>(value: unknown): A
function unchecked(value: unknown): unknown {
  return value
}

type Answer = Effect.Effect<unknown, { readonly _tag: string }> | Stream.Stream<unknown, { readonly _tag: string }>

const app = layerTest().pipe(Layer.provideMerge(NodeServices.layer))
const threadId = ThreadId.make("thread")
const instanceId = InstanceId.make("mock")

const run = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, app, { local: true })

/** The operation refuses; answers the places that it names. Nothing has reached the agent or the store. */
const refused = Effect.fnUntraced(function*<A, E extends { readonly _tag: string }, R>(call: Effect.Effect<A, E, R>) {
  const store = yield* SessionStore
  const mock = yield* MockProvider
  const before = {
    events: yield* Agents.stored(threadId),
    turns: (yield* mock.received).length,
    starts: (yield* mock.starts).length
  }
  const error = yield* Effect.flip(call)
  assert.strictEqual(error._tag, "InputInvalid")
  assert.deepStrictEqual({
    events: yield* Agents.stored(threadId),
    turns: (yield* mock.received).length,
    starts: (yield* mock.starts).length
  }, before)
  yield* store.listThreads({ limit: 10 })
  return unchecked<{ readonly issues: ReadonlyArray<{ readonly path: string }>; readonly message: string }>(error)
})

const started = Effect.gen(function*() {
  const agents = yield* ProviderService
  const directory = yield* Agents.folder
  yield* agents.startSession({ threadId, instanceId, directory })
  return { agents, directory }
})

const half = "z\ud800"

/** Node 22 reads a text of SQLite up to there, and PostgreSQL takes none of it. */
const nul = "z\0z"

/** What throws where it is looked at. */
const unreadable: ReadonlyArray<unknown> = [
  {
    get threadId() {
      throw new Error("no")
    }
  },
  new Proxy({}, {
    has() {
      throw new Error("no")
    }
  })
]

const deep = (levels: number): unknown => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`)

describe("P15 the door", () => {
  const input = { threadId, prompt: "hello" }
  const attachment = { _tag: "File", path: "notes.md" }
  for (
    const [what, bad, path] of [
      ["an empty turn id", { ...input, turnId: "" }, "turnId"],
      ["a turn id of 513 characters", { ...input, turnId: "t".repeat(513) }, "turnId"],
      ["an empty thread id", { ...input, threadId: "" }, "threadId"],
      ["a thread id that is not well-formed", { ...input, threadId: half }, "threadId"],
      ["a turn id that is not well-formed", { ...input, turnId: half }, "turnId"],
      ["a thread id with NUL", { ...input, threadId: nul }, "threadId"],
      ["a turn id with NUL", { ...input, turnId: nul }, "turnId"],
      ["an agent with NUL", { ...input, agent: nul }, "agent"],
      ["no prompt", { threadId }, "prompt"],
      ["an undefined prompt", { threadId, prompt: undefined }, "prompt"],
      ["a number as prompt", { threadId, prompt: 5 }, "prompt"],
      ["null as prompt", { threadId, prompt: null }, "prompt"],
      [
        "an attachment of an unknown kind",
        { ...input, attachments: [{ _tag: "Url", url: "x" }] },
        "attachments[0]"
      ],
      [
        "an attachment without a path",
        { ...input, attachments: [attachment, { _tag: "File" }] },
        "attachments[1].path"
      ],
      ["attachments that are no list", { ...input, attachments: attachment }, "attachments"],
      ["a model that is a string", { ...input, model: "gpt" }, "model"],
      ["a model without an id", { ...input, model: { variant: "high" } }, "model.id"],
      ["an agent that is a number", { ...input, agent: 7 }, "agent"],
      ["an empty agent", { ...input, agent: "" }, "agent"],
      ["a steer that is a string", { ...input, steer: "yes" }, "steer"],
      ["a metadata of 17 kB", { ...input, metadata: { text: "é".repeat(8_704) } }, "metadata"],
      ["a metadata that is no object", { ...input, metadata: [1] }, "metadata"],
      ["an actor of 513 characters", { ...input, actor: "a".repeat(513) }, "actor"],
      ["a context that is no list", { ...input, context: "now" }, "context"],
      ["no input at all", undefined, ""],
      ["a string as input", "hello", ""],
      ["JSON nested 8,000 levels deep", JSON.parse(`${"[".repeat(8000)}${"]".repeat(8000)}`), ""]
    ] satisfies ReadonlyArray<readonly [string, unknown, string]>
  ) {
    it.effect(`P15 mock: sendTurn and runTurn refuse ${what}`, () =>
      run(Effect.gen(function*() {
        const { agents } = yield* started
        for (const call of [agents.sendTurn(unchecked(bad)), agents.runTurn(unchecked(bad))]) {
          const { issues } = yield* refused<unknown, { readonly _tag: string }, never>(call)
          assert.include(issues.map((issue) => issue.path), path)
        }
        assert.strictEqual((yield* agents.runTurn(input)).text, "echo: hello")
      })))
  }

  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`label${n}`, "on"]))
  for (
    const [what, labels, path] of [
      ["1,000 labels", many(1000), "labels"],
      ["65 labels", many(65), "labels"],
      ["a label with an empty name", { "": "x" }, "labels"],
      ["a label with a name of 129 characters", { ["n".repeat(129)]: "x" }, "labels"],
      ["a label with a value of 513 characters", { team: "v".repeat(513) }, "labels.team"],
      ["a label that is a number", { team: 5 }, "labels.team"],
      ["a label that is not well-formed", { team: half }, "labels.team"],
      ["a label with NUL", { team: nul }, "labels.team"],
      ["a label whose name has NUL", { [nul]: "x" }, "labels"]
    ] satisfies ReadonlyArray<readonly [string, unknown, string]>
  ) {
    it.effect(`P15 mock: ${what} is refused, wherever labels are given`, () =>
      run(Effect.gen(function*() {
        const { agents, directory } = yield* started
        const made = { threadId: ThreadId.make("new"), instanceId, directory }
        for (
          const call of [
            agents.configureThread(unchecked({ threadId, labels })),
            agents.createThread(unchecked({ ...made, labels })),
            agents.startSession(unchecked({ ...made, labels })),
            agents.importThread(unchecked({ ...made, labels, turns: Stream.empty })),
            agents.forkThread(unchecked({ threadId, newThreadId: made.threadId, labels })),
            agents.adoptSession(unchecked({ ...made, sessionId: "s", labels })),
            Stream.runDrain(agents.watchThreads(unchecked({ where: { labels } }))),
            agents.listThreads(unchecked({ where: { labels } }))
          ]
        ) {
          const { issues } = yield* refused<unknown, { readonly _tag: string }, never>(call)
          assert.isTrue(issues.some((issue) => issue.path.includes(path)), JSON.stringify(issues))
        }
        yield* agents.configureThread({ threadId, labels: many(64) })
      })))
  }

  for (
    const [what, bad] of [
      ["no kind", { kind: "", data: null }],
      ["a kind of 129 characters", { kind: "k".repeat(129), data: null }],
      ["no data", { kind: "note" }],
      ["data of more than 64 kB", { kind: "note", data: "x".repeat(65_535) }],
      ["data nested 50,000 levels deep", { kind: "note", data: deep(50_000) }],
      ["a kind with NUL", { kind: nul, data: null }]
    ] satisfies ReadonlyArray<readonly [string, unknown]>
  ) {
    it.effect(`P15 mock: an annotation with ${what} is refused`, () =>
      run(Effect.gen(function*() {
        const { agents } = yield* started
        yield* refused(agents.annotate(unchecked({ threadId, ...bad })))
        yield* agents.annotate({ threadId, kind: "note", data: "x".repeat(65_534) })
      })))
  }

  it.effect("P15 mock: what throws where it is looked at is refused", () =>
    run(Effect.gen(function*() {
      const { agents } = yield* started
      for (const bad of unreadable) {
        yield* refused(agents.sendTurn(unchecked(bad)))
        yield* refused(agents.getThread(unchecked(bad)))
        yield* refused(agents.importThread(unchecked(bad)))
        yield* refused(Stream.runDrain(agents.streamEvents(unchecked(bad))))
      }
    })))

  it.effect("P15 mock: NUL in a title and in a prompt is replaced, as half of a surrogate pair is", () =>
    run(Effect.gen(function*() {
      const { agents } = yield* started
      const mock = yield* MockProvider
      yield* agents.configureThread({ threadId, title: nul })
      assert.strictEqual((yield* agents.getThread({ threadId })).title, "z\ufffdz")
      yield* agents.runTurn({ threadId, prompt: nul })
      assert.strictEqual((yield* mock.received)[0]?.input.prompt, "z\ufffdz")
    })))

  it.effect("P15 mock: an error names every place and quotes none of the input", () =>
    run(Effect.gen(function*() {
      const { agents } = yield* started
      const secret = "hunter2\ud800"
      const { issues, message } = yield* refused(
        agents.sendTurn(unchecked({ threadId: secret, turnId: secret, prompt: 5, agent: secret }))
      )
      assert.deepStrictEqual(issues.map(({ path }) => path).toSorted(), ["agent", "prompt", "threadId", "turnId"])
      assert.notInclude(JSON.stringify({ issues, message }), "hunter2")
    })))

  it.effect("P15 mock: an error about 100,000 places names the first of them and says how many more there are", () =>
    run(Effect.gen(function*() {
      const { agents } = yield* started
      const attachments = Array.from({ length: 100_000 }, () => ({ _tag: "Url" }))
      const error = yield* refused(agents.sendTurn(unchecked({ ...input, attachments })))
      assert.lengthOf(error.issues, 32)
      assert.strictEqual(error.issues[0]?.path, "attachments[0]")
      assert.deepInclude<unknown>(error, { omitted: 100_000 - 32 })
      assert.match(error.message, /; and 99968 more$/)
      const few = yield* refused(agents.sendTurn(unchecked({ ...input, attachments: attachments.slice(0, 32) })))
      assert.lengthOf(few.issues, 32)
      assert.notProperty(few, "omitted")
      assert.notInclude(few.message, "more")
    })))

  it.effect("P15 mock: a start with a bad mode, id or policy is refused before there is a session", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      const input = { threadId, instanceId, directory }
      for (
        const bad of [
          { ...input, runtimeMode: "yolo" },
          { ...input, threadId: "" },
          { ...input, instanceId: half },
          { ...input, directory: half },
          { ...input, title: 5 },
          { ...input, onMissing: "ignore" },
          { ...input, compaction: { onSnapshotFailure: "shrug" } }
        ]
      ) yield* refused(agents.startSession(unchecked(bad)))
      assert.deepStrictEqual((yield* agents.listThreads({})).threads, [])
    })))

  it.effect("P15 mock: a new thread without a directory or an instance says what is missing", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const none = yield* Effect.flip(agents.startSession({ threadId }))
      assert.deepInclude<unknown>(none, { _tag: "StartIncomplete", missing: ["instanceId", "directory"] })
      const one = yield* Effect.flip(agents.startSession({ threadId, instanceId }))
      assert.deepInclude<unknown>(one, { _tag: "StartIncomplete", missing: ["directory"] })
      assert.include(one.message, "give directory")
    })))

  for (const limit of [Number.NaN, Number.POSITIVE_INFINITY, 1.5, -1, 0, 1001]) {
    it.effect(`P15 mock: listThreads refuses a limit of ${limit}`, () =>
      run(Effect.gen(function*() {
        const agents = yield* ProviderService
        const { issues } = yield* refused(agents.listThreads({ limit }))
        assert.deepStrictEqual(new Set(issues.map(({ path }) => path)), new Set(["limit"]))
      })))
  }

  it.effect("P15 mock: listThreads goes page by page, and refuses a cursor that it did not make", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      const ids = ["a", "b", "c"].map((id) => ThreadId.make(id))
      for (const threadId of ids) yield* agents.startSession({ threadId, instanceId, directory })
      const first = yield* agents.listThreads({ limit: 2 })
      const second = yield* agents.listThreads({ limit: 2, after: first.next })
      assert.sameMembers([...first.threads, ...second.threads].map(({ threadId }) => threadId), ids)
      assert.deepStrictEqual([first.threads.length, second.threads.length, second.next], [2, 1, undefined])
      assert.strictEqual((yield* Effect.flip(agents.listThreads({ after: "rubbish" })))._tag, "InputInvalid")
    })))

  it.effect("P15 mock: the other operations and the archive decode their input, too", () =>
    run(Effect.gen(function*() {
      const { agents } = yield* started
      const archive = yield* TranscriptArchive
      const nothing = unchecked<never>({ threadId: "" })
      yield* refused(agents.interruptTurn(nothing))
      yield* refused(agents.stopSession({ threadId: nothing }))
      yield* refused(agents.resetThread({ threadId: nothing }))
      yield* refused(agents.compactThread({ threadId: nothing }))
      yield* refused(agents.forkThread(nothing))
      yield* refused(agents.deleteThread({ threadId: nothing }))
      yield* refused(agents.getThread({ threadId: nothing }))
      yield* refused(agents.createThread(nothing))
      yield* refused(agents.readTranscript({ threadId: nothing }))
      yield* refused(Stream.runDrain(agents.streamEvents(unchecked({ threadId, after: -1 }))))
      yield* refused(agents.respondToApproval(unchecked({ threadId, requestId: "r", decision: "yes" })))
      yield* refused(agents.answerQuestion(unchecked({ threadId, requestId: "r", answer: { _tag: "Answered" } })))
      const actor = "a".repeat(513)
      const answered = { threadId, requestId: "r", actor }
      yield* refused(agents.respondToApproval(unchecked({ ...answered, decision: { _tag: "AllowOnce" } })))
      yield* refused(agents.answerQuestion(unchecked({ ...answered, answer: { _tag: "Dismissed" } })))
      yield* refused(agents.answerElicitation(unchecked({ ...answered, answer: { _tag: "Cancel" } })))
      yield* refused(archive.snapshot(nothing))
      yield* refused(archive.list(nothing))
      yield* refused(archive.read(nothing))
      yield* refused(archive.verify(nothing))
      yield* refused(archive.restore(nothing))
      yield* refused(archive.export(unchecked({ snapshot: { snapshotId: "s" }, format: "pdf" })))
      yield* refused(archive.purge(unchecked({})))
    })))

  it.effect("P15 mock: every operation refuses what is no object, under its own name", () =>
    run(Effect.gen(function*() {
      const services = [
        [Operations.service, yield* ProviderService],
        [Operations.archive, yield* TranscriptArchive],
        [Operations.hooks, yield* HookDeliveries]
      ] as const
      for (const [operations, service] of services) {
        const calls = unchecked<Record<string, (input: null) => Answer>>(service)
        assert.sameMembers(Object.keys(calls), Object.keys(operations))
        for (const [name, call] of Object.entries(calls)) {
          const answer = call(null)
          const error = yield* refused(Stream.isStream(answer) ? Stream.runDrain(answer) : answer)
          assert.deepInclude<unknown>(error, { operation: name })
        }
      }
    })))

  it.effect("P15 mock: one answer for two questions is refused before it is sent, and the request stays open", () =>
    run(Effect.gen(function*() {
      const { agents } = yield* started
      const mock = yield* MockProvider
      const question = { question: "Which?", options: [{ label: "one" }, { label: "two" }], multiple: false }
      yield* mock.nextTurn(() => [MockStep.question([question, question]), MockStep.text("Thanks.")])
      yield* agents.sendTurn({ threadId, prompt: "ask me" })
      const { request: { requestId } } = yield* mock.awaitRequest()
      yield* Agents.awaitEvent(Agents.is("QuestionAsked"))
      const answer = (answers: ReadonlyArray<ReadonlyArray<string>>) =>
        agents.answerQuestion({ threadId, requestId, answer: { _tag: "Answered", answers } })
      const error = yield* Effect.flip(answer([["one"]]))
      assert.deepInclude<unknown>(error, { _tag: "AnswerInvalid", questions: 2, answers: 1 })
      assert.lengthOf(yield* mock.answers, 0)
      yield* answer([["one"], ["two"]])
      assert.lengthOf(yield* mock.answers, 1)
    })))
})

describe("P15 what goes to an agent is well-formed", () => {
  it.effect("P15 mock: half a surrogate pair in a prompt or a title becomes U+FFFD", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const mock = yield* MockProvider
      const directory = yield* Agents.folder
      yield* agents.startSession({ threadId, instanceId, directory, title: `t${half}` })
      yield* agents.runTurn({ threadId, prompt: "so\ud83d" })
      assert.deepStrictEqual((yield* mock.received).map(({ input }) => input.prompt), ["so\ufffd"])
      assert.deepStrictEqual((yield* mock.starts).map(({ title }) => title), ["tz\ufffd"])
      const [turn] = yield* agents.readTranscript({ threadId })
      assert.strictEqual(turn?.input?.prompt, "so\ufffd")
    })))

  /** An app whose agent asks by this step; answers the request. */
  const asked = Effect.fnUntraced(function*(step: MockStep.MockStep) {
    const { agents } = yield* started
    const mock = yield* MockProvider
    yield* mock.nextTurn(() => [step])
    yield* agents.sendTurn({ threadId, prompt: "ask me" })
    const { request: { requestId } } = yield* mock.awaitRequest()
    const heard = (event: ThreadEvent): event is ThreadEvent =>
      "request" in event && event.request.requestId === requestId
    yield* Agents.awaitEvent(heard)
    return { agents, requestId, answered: Effect.map(mock.answers, (all) => all.map(({ answer }) => answer)) }
  })

  it.effect("P15 mock: half a surrogate pair in the answer to a question or in a refusal becomes U+FFFD", () =>
    run(Effect.gen(function*() {
      const question = { question: "Which?", options: [{ label: "one" }], multiple: false }
      const first = yield* asked(MockStep.question([question]))
      yield* first.agents.answerQuestion({
        threadId,
        requestId: first.requestId,
        answer: { _tag: "Answered", answers: [[half]] }
      })
      yield* Agents.awaitEvent(Agents.is("TurnCompleted"))
      const second = yield* asked(MockStep.command("make"))
      yield* second.agents.respondToApproval({
        threadId,
        requestId: second.requestId,
        decision: { _tag: "Deny", reason: half }
      })
      assert.deepStrictEqual(yield* second.answered, [
        { _tag: "Answered", answers: [["z\ufffd"]] },
        { _tag: "Deny", reason: "z\ufffd" }
      ])
    })))

  it.effect("P15 mock: so does it in what is filled into a form; a value nested too deep is refused, and the form stays open", () =>
    run(Effect.gen(function*() {
      const form = { _tag: "Form", schema: { type: "object" } } as const
      const { agents, answered, requestId } = yield* asked(MockStep.elicitation({ message: "Who?", form }))
      const accept = (content: unknown) =>
        agents.answerElicitation(unchecked({ threadId, requestId, answer: { _tag: "Accept", content } }))
      for (const depth of [129, 8000, 100_000]) {
        const { issues } = yield* refused(accept({ name: JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`) }))
        assert.deepStrictEqual(issues.map(({ path }) => path), ["answer.content.name"])
      }
      yield* accept({ [half]: half, list: [half, { [half]: 1 }, null] })
      assert.deepStrictEqual<unknown>(yield* answered, [
        { _tag: "Accept", content: { "z\ufffd": "z\ufffd", list: ["z\ufffd", { "z\ufffd": 1 }, null] } }
      ])
    })))

  it.effect("P15 mock: a transcript that is shortened in the middle of an emoji is well-formed", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const mock = yield* MockProvider
      const directory = yield* Agents.folder
      const settings = { threadId, instanceId, directory }
      const { sessionId } = yield* agents.startSession(settings)
      yield* agents.runTurn({ threadId, prompt: `x${"😀".repeat(70_000)}` })
      yield* agents.runTurn({ threadId, prompt: "😀".repeat(70_000) })
      yield* agents.stopSession({ threadId })
      yield* mock.loseSession(sessionId)
      const { continuity } = yield* agents.startSession(settings)
      assert.strictEqual(continuity._tag, "Rehydrated")
      const seeded = (yield* mock.starts).flatMap(({ from }) => from._tag === "Seeded" ? [from.transcript] : [])
      assert.deepStrictEqual(seeded.map((text) => text.isWellFormed()), [true])
      assert.notInclude(seeded.join(), "\ufffd")
    })))
})

describe("P15 what comes from an agent", () => {
  const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`)

  for (const depth of [200, 4000, 8000, 20_000]) {
    it.effect(`P15 mock: a tool call of JSON nested ${depth} levels deep harms neither session nor snapshot`, () =>
      run(Effect.gen(function*() {
        const agents = yield* ProviderService
        const archive = yield* TranscriptArchive
        const mock = yield* MockProvider
        const directory = yield* Agents.folder
        yield* agents.startSession({ threadId, instanceId, directory, runtimeMode: "full-access" })
        yield* mock.nextTurn(
          () => [MockStep.tool("search", { input: { query: nested(depth) } }), MockStep.text("Found.")]
        )
        assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "search" })).text, "Found.")
        const { snapshotId } = yield* archive.snapshot({ threadId })
        const { turns } = yield* archive.read({ snapshotId })
        const call = turns[0]?.items.find((item) => item._tag === "ToolCall")
        const kept = call?._tag === "ToolCall" ? JSON.stringify(call.input) : ""
        assert.strictEqual(kept.split("[").length - 1, depth)
        assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
      })))
  }
})
