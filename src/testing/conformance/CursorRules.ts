/**
 * What an adapter makes of a stored cursor: it resumes, or it says exactly why not, and never starts afresh by itself.
 */
import { Effect } from "effect"
import { cursorOf, type Host, listen } from "./Bench.ts"
import { equal, refused, type Tagged, Violated } from "./Check.ts"
import type { Rule } from "./Rule.ts"

const rejected = Effect.fnUntraced(function*(host: Host, cursor: unknown, outcomes: ReadonlyArray<string>) {
  const error = yield* refused(
    Effect.scoped(listen(host, { from: { _tag: "Resume", cursor } })),
    ["CursorRejected"],
    `a resume with ${JSON.stringify(cursor)}`
  )
  if (!outcomes.includes(error.outcome)) {
    return yield* new Violated({ expected: `CursorRejected as ${outcomes.join(" or ")}`, seen: error.outcome })
  }
})

/** A real cursor of the agent, of a session that has had a turn. */
const realCursor = (host: Host): Effect.Effect<{ readonly version: number; readonly provider: string }, Tagged> =>
  Effect.scoped(Effect.gen(function*() {
    const listener = yield* listen(host)
    yield* listener.run(host.bench.prompts.say("one"))
    return yield* cursorOf(listener)
  }))

export const rules: ReadonlyArray<Rule> = [
  {
    id: "cursor/offered",
    promise: "P3",
    title: "there is a cursor after the first turn, in the adapter's own name",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const cursor = yield* realCursor(host)
        yield* equal(cursor.provider, host.adapter.provider, "the cursor's provider")
      }))
  },
  {
    id: "cursor/early",
    promise: "P3",
    title: "a cursor that is given before the first turn can be resumed",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* listen(host)
        const cursor = yield* first.session.cursor
        yield* first.close
        if (cursor._tag === "None") return
        const second = yield* listen(host, { from: { _tag: "Resume", cursor: cursor.value } })
        yield* equal(second.session.sessionId, first.session.sessionId, "session")
      }))
  },
  {
    id: "cursor/malformed",
    promise: "P3",
    title: "a malformed cursor is refused as such",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { provider } = host.adapter
        for (
          const rubbish of ["rubbish", 42, [], {}, { provider, version: "1" }, { provider, version: 0, payload: {} }]
        ) {
          yield* rejected(host, rubbish, ["Malformed"])
        }
        yield* rejected(host, { provider, version: 1, payload: { sessionId: 7 } }, ["Malformed"])
      }))
  },
  {
    id: "cursor/foreign",
    promise: "P3",
    title: "a cursor of another provider is refused as such",
    assumes: ["cursor/offered"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* rejected(host, { ...(yield* realCursor(host)), provider: "somebody-else" }, ["Foreign"])
      }))
  },
  {
    id: "cursor/newer",
    promise: "P3",
    title: "a cursor of a newer version is refused as such",
    assumes: ["cursor/offered"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const cursor = yield* realCursor(host)
        yield* rejected(host, { ...cursor, version: cursor.version + 1000 }, ["Unsupported"])
      }))
  }
]
