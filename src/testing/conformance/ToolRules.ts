/**
 * What an agent's own tools come as, so that an app can show a call without knowing the agent.
 */
import { Effect, Equal } from "effect"
import { is, runFreely, startFreely, stored } from "./Bench.ts"
import { equal, expect, NotChecked } from "./Check.ts"
import type { Rule } from "./Rule.ts"

const itemKinds = new Map([["Command", "command"], ["FileChange", "file-change"]])

export const rules: ReadonlyArray<Rule> = [
  {
    id: "tools/kinds",
    promise: "P11",
    title: "each of the agent's own tools comes as the kind that it is, with its details",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        if (bench.tools === undefined) return yield* new NotChecked({ missing: "tools" })
        yield* startFreely(host)
        for (const { detail, kind, prompt } of bench.tools) {
          const { turnId } = yield* runFreely(host, prompt)
          const items = (yield* stored(host)).filter(is("ItemCompleted")).flatMap((event) =>
            event.turnId === turnId && event.item.subagent === undefined ? [event.item] : []
          )
          const calls = items.filter((item) => item._tag === "ToolCall" || itemKinds.has(item._tag))
          yield* equal(
            calls.map((item) => item._tag === "ToolCall" ? item.kind : itemKinds.get(item._tag)),
            [kind],
            `what "${prompt}" comes as`
          )
          const seen = calls.flatMap((item) => item._tag === "ToolCall" ? [item.detail] : [])[0]
          if (detail === undefined) continue
          yield* expect(Equal.equals(seen, detail), `the details of "${prompt}": ${JSON.stringify(detail)}`, seen)
        }
      }))
  }
]
