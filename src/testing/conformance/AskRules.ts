/**
 * Sessions that are for one question: nothing of them stays with the agent.
 */
import { Effect, Option } from "effect"
import type { StartInput } from "../../provider/ProviderAdapter.ts"
import { type Host, listen } from "./Bench.ts"
import { NotChecked, refused } from "./Check.ts"
import type { Rule } from "./Rule.ts"

/** The agent proves that it does not have the session. */
const gone = (host: Host, from: StartInput["from"]) =>
  Effect.flatMap(
    Effect.exit(Effect.scoped(listen(host, { from }))),
    (tried) => refused(tried, ["SessionMissing"], `${from._tag} of a session that nothing was to stay of`)
  )

export const rules: ReadonlyArray<Rule> = [
  {
    id: "ask/leaves-nothing",
    promise: "P10",
    title: "an ephemeral session takes a turn, and is nowhere once it is closed",
    applies: ({ ephemeral }) => ephemeral,
    assumes: ["missing/proved", "missing/policy", "close/twice"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const asked = yield* listen(host, { ephemeral: true, compaction: { auto: false } })
        yield* asked.run(bench.prompts.say("blue walnut"))
        const { sessionId } = asked.session
        const cursor = Option.getOrUndefined(yield* asked.session.cursor)
        yield* asked.close
        if (cursor === undefined && !bench.capabilities.adopt) {
          return yield* new NotChecked({ missing: "way to look for a session that has no cursor" })
        }
        if (cursor !== undefined) yield* gone(host, { _tag: "Resume", cursor })
        if (bench.capabilities.adopt) yield* gone(host, { _tag: "Adopt", sessionId })
      }))
  }
]
