/** P1 on the real OpenCode: conversations cut at a turn, and sessions that OpenCode made without this library. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { migrate } from "../../../examples/migrate/sessions.ts"
import { ProviderRegistry, ProviderService, SessionId, ThreadId } from "../../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../../src/testing/index.ts"
import { is, stored } from "../../support/Agents.ts"
import * as Git from "../../support/Git.ts"
import { folder, hands, history, nextThreadId, opencode, start, thenSay } from "../../support/OpenCodeAgents.ts"
import * as OpenCodeAgents from "../../support/OpenCodeAgents.ts"

/** What the model was told before this prompt. */
const before = (prompt: string) =>
  ScriptedModel.use((model) => Effect.map(model.asked(prompt), ([request]) => history(request)))

/** A session as OpenCode's own terminal makes it, with one turn that is over. */
const outside = Effect.fnUntraced(function*(directory: string, text: string) {
  const client = (yield* hands).client(directory)
  const { data } = yield* Effect.promise(() => client.session.create({ title: text }))
  const sessionID = data?.id ?? ""
  yield* Effect.promise(() => client.session.prompt({ sessionID, parts: [{ type: "text", text }] }))
  return SessionId.make(sessionID)
})

layer(OpenCodeAgents.layer(), { timeout: "60 seconds", excludeTestServices: true })("cut and adopted", (it) => {
  it.effect("P1 opencode: a rewind takes the turns from the model at once and for good, and leaves their files", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const fs = yield* FileSystem.FileSystem
      const model = yield* ScriptedModel
      // Where OpenCode's own `revert` would take the file back.
      const { main: directory } = yield* Git.repository
      const path = (yield* Path.Path).join(directory, "made.txt")
      const { sessionId, threadId } = yield* start({ directory, runtimeMode: "full-access" })
      yield* agents.runTurn({ threadId, prompt: "rewind one" })
      yield* model.script((request) =>
        request.lastUserText === "rewind two"
          ? thenSay(ModelReply.call("write", { filePath: path, content: "made" }))(request)
          : ModelReply.text(`echo: ${request.lastUserText}`)
      )
      const cut = yield* agents.runTurn({ threadId, prompt: "rewind two" })
      yield* agents.runTurn({ threadId, prompt: "rewind three" })
      const { files } = yield* agents.rewindThread({ threadId, before: cut.turnId })
      assert.strictEqual(files, "kept")
      assert.strictEqual(yield* fs.readFileString(path), "made")
      const copy = nextThreadId()
      yield* agents.forkThread({ threadId, newThreadId: copy })
      yield* agents.runTurn({ threadId: copy, prompt: "rewind copy" })
      assert.deepStrictEqual(yield* before("rewind copy"), ["user: rewind one", "assistant: echo: rewind one"])
      yield* agents.stopSession({ threadId })
      const next = yield* agents.runTurn({ threadId, prompt: "rewind four" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      assert.deepStrictEqual(yield* before("rewind four"), ["user: rewind one", "assistant: echo: rewind one"])
      const client = (yield* hands).client(directory)
      const { data } = yield* Effect.promise(() => client.session.messages({ sessionID: sessionId }))
      // One without parts is the trace of a message that was deleted; no model is given it.
      assert.lengthOf((data ?? []).filter(({ parts }) => parts.length > 0), 4)
      assert.deepStrictEqual((yield* stored(threadId)).filter(is("ThreadRewound")).map(({ files }) => files), ["kept"])
      const turns = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(turns.map((turn) => [turn.input?.prompt, turn.rewound ?? false]), [
        ["rewind one", false],
        ["rewind two", true],
        ["rewind three", true],
        ["rewind four", false]
      ])
    }))

  it.effect("P1 opencode: a fork at a turn ends with its last answer; a turn of the source is none of the fork", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { threadId } = yield* start()
      const first = yield* agents.runTurn({ threadId, prompt: "fork one" })
      const second = yield* agents.runTurn({ threadId, prompt: "fork two" })
      const copy = nextThreadId()
      const forked = yield* agents.forkThread({ threadId, newThreadId: copy, at: first.turnId })
      assert.strictEqual(forked.continuity._tag, "Forked")
      yield* agents.runTurn({ threadId: copy, prompt: "fork three" })
      assert.deepStrictEqual(yield* before("fork three"), ["user: fork one", "assistant: echo: fork one"])
      const last = nextThreadId()
      yield* agents.forkThread({ threadId, newThreadId: last, at: second.turnId })
      yield* agents.runTurn({ threadId: last, prompt: "fork four" })
      assert.lengthOf(yield* before("fork four"), 4)
      const never = nextThreadId()
      const gone = yield* Effect.flip(agents.forkThread({ threadId: copy, newThreadId: never, at: second.turnId }))
      assert.strictEqual(gone._tag, "TurnNotFound")
      // The fork has it as its own, and OpenCode has it under another id.
      const restored = yield* Effect.flip(agents.forkThread({ threadId: copy, newThreadId: never, at: first.turnId }))
      assert.deepInclude(restored, { _tag: "TurnNotInSession", reason: "no-ref" })
      const cut = yield* Effect.flip(agents.rewindThread({ threadId: copy, before: first.turnId }))
      assert.deepInclude(cut, { _tag: "TurnNotInSession", reason: "no-ref" })
    }))

  it.effect("P1 opencode: what its own terminal made is listed in its directory and in all, and adopted with its past", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { directory, sessionId: ours } = yield* start()
      const made = yield* outside(directory, "outside one")
      const elsewhere = yield* folder
      const other = yield* outside(elsewhere, "outside two")
      const list = (directory?: string) =>
        Effect.map(
          agents.listSessions({ instanceId: opencode, ...(directory === undefined ? {} : { directory }) }),
          ({ sessions }) => sessions
        )
      const here = yield* list(directory)
      assert.deepStrictEqual(here.map(({ directory, sessionId, title }) => ({ directory, sessionId, title })), [
        { directory, sessionId: made, title: "outside one" }
      ])
      const all = (yield* list()).map(({ sessionId }) => sessionId)
      assert.includeMembers(all, [made, other])
      assert.notInclude(all, ours)
      const threadId = nextThreadId()
      const adopt = (threadId: ThreadId, sessionId: SessionId) =>
        agents.adoptSession({ threadId, instanceId: opencode, sessionId, directory })
      const adopted = yield* adopt(threadId, made)
      assert.deepInclude(adopted, { sessionId: made, directory, continuity: { _tag: "Adopted" } })
      yield* agents.runTurn({ threadId, prompt: "outside three" })
      assert.deepStrictEqual(yield* before("outside three"), ["user: outside one", "assistant: echo: outside one"])
      assert.deepStrictEqual(yield* list(directory), [])
      assert.strictEqual((yield* Effect.flip(adopt(nextThreadId(), made)))._tag, "SessionTaken")
      for (const id of ["ses_00000000000000000000000000", "nonsense"]) {
        assert.strictEqual((yield* Effect.flip(adopt(nextThreadId(), SessionId.make(id))))._tag, "SessionMissing")
      }
      const adapter = yield* Effect.flatMap(ProviderRegistry, ({ get }) => get(opencode)).pipe(
        Effect.flatMap(Effect.fromOption)
      )
      const first = yield* adapter.listSessions?.({ limit: 1 }) ?? Effect.die("no list")
      const rest = yield* adapter.listSessions?.({ limit: 100, after: first.next }) ?? Effect.die("no list")
      const paged = [...first.sessions, ...rest.sessions].map(({ sessionId }) => sessionId)
      assert.sameMembers(paged, [made, other])
    }))

  it.effect("P1 opencode: by docs/migrate-sessions.md a session that OpenCode has is Resumed with its past, a lost one Rehydrated", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      // Its server runs.
      const { directory } = yield* start()
      const sessionId = yield* outside(directory, "migrate outside")
      const bring = (cursor: unknown) => {
        const threadId = nextThreadId()
        const messages = [
          { id: `${threadId}-user`, role: "user", text: "migrate outside", at: 1 },
          { id: `${threadId}-answer`, role: "assistant", text: "echo: migrate outside", at: 2 }
        ] as const
        return Effect.as(migrate({ id: threadId, title: "old", directory, cursor, messages }), threadId)
      }
      const kept = yield* bring({ schemaVersion: 1, sessionId })
      const lost = yield* bring({ schemaVersion: 1, sessionId: "ses_0000000000000000000000000" })
      const first = yield* agents.runTurn({ threadId: kept, prompt: "migrate kept" })
      assert.deepStrictEqual(first.continuity, { _tag: "Resumed" })
      assert.strictEqual((yield* agents.getThread({ threadId: kept })).sessionId, sessionId)
      const past = ["user: migrate outside", "assistant: echo: migrate outside"]
      assert.deepStrictEqual(yield* before("migrate kept"), past)
      const other = yield* agents.runTurn({ threadId: lost, prompt: "migrate lost" })
      assert.deepInclude(other.continuity, { _tag: "Rehydrated", reason: "session-missing" })
      assert.include((yield* before("migrate lost")).join("\n"), "echo: migrate outside")
      const turns = yield* agents.readTranscript({ threadId: kept })
      assert.deepStrictEqual(turns.map(({ input }) => input?.prompt), ["migrate outside", "migrate kept"])
    }))
})
