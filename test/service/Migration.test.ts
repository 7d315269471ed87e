/** The guides for apps that come from elsewhere: their programs, run on the mock. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as claude from "../../examples/migrate/claude.ts"
import * as codex from "../../examples/migrate/codex.ts"
import * as sessions from "../../examples/migrate/sessions.ts"
import { ProviderService, ThreadId, Transcript } from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

const messages: ReadonlyArray<Transcript.Message> = [
  { id: "m0", role: "assistant", text: "Hello.", at: 1 },
  { id: "m1", role: "user", text: "What is in this directory?", at: 2 },
  { id: "m2", role: "assistant", text: "Nothing.", at: 3 },
  { id: "m3", role: "user", text: "Are you sure?", at: 4 }
]

const guides = [
  {
    name: "sessions",
    instanceId: "opencode",
    migrate: sessions.migrate,
    cursor: (id: string) => ({ schemaVersion: 1, sessionId: id })
  },
  { name: "codex", instanceId: "codex", migrate: codex.migrate, cursor: (id: string) => ({ threadId: id }) },
  { name: "claude", instanceId: "claude", migrate: claude.migrate, cursor: (id: string) => ({ resume: id }) }
]

describe("coming from elsewhere", () => {
  for (const { cursor, instanceId, migrate, name } of guides) {
    it(`the program of docs/migrate-${name}.md is the one that is run here`, () => {
      const program = text(`examples/migrate/${name}.ts`).replace(/^.*? \*\/\n/s, "")
      assert.include(text(`docs/migrate-${name}.md`), program.replace("../../src/index.ts", "effect-coding-agents"))
    })

    it.effect(`P1 mock: by docs/migrate-${name}.md a session that the agent has is Resumed, one it has not Rehydrated`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const directory = yield* Agents.folder
        const sessionId = yield* agent.makeSession({ directory, words: "the whole past" })
        const old = (id: string, cursor: unknown) => ({ id, title: id, directory, cursor, messages })
        yield* migrate(old("kept", cursor(sessionId)))
        yield* migrate(old("lost", cursor("gone")))
        yield* migrate(old("none", null))
        yield* migrate(old("none", null))
        const first = Effect.fnUntraced(function*(id: string) {
          const { continuity } = yield* agents.runTurn({ threadId: ThreadId.make(id), prompt: "go on" })
          return continuity._tag === "Rehydrated" ? `${continuity._tag} ${continuity.reason}` : continuity._tag
        })
        assert.strictEqual(yield* first("kept"), "Resumed")
        assert.strictEqual(yield* first("lost"), "Rehydrated session-missing")
        assert.strictEqual(yield* first("none"), "Rehydrated imported")
      }).pipe(Effect.provide(Agents.layer({ mock: { provider: instanceId } }))))
  }

  it("messages without turns become turns: one for each of the user's, and one for what came before", () => {
    const turns = Transcript.fromMessages(messages)
    assert.deepStrictEqual(turns.map(({ turnId }) => turnId), ["m0", "m1", "m3"])
    assert.deepStrictEqual(turns.map(({ input }) => input?.prompt), [undefined, messages[1]?.text, messages[3]?.text])
    assert.deepStrictEqual(turns.map(({ items }) => items.length), [1, 2, 1])
  })
})
