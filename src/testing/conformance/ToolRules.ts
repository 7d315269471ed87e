/**
 * What an agent's own tools come as, so that an app can show a call without knowing the agent.
 */
import { Effect, Equal } from "effect"
import { type Host, is, runFreely, startFreely, stored } from "./Bench.ts"
import { equal, NotChecked } from "./Check.ts"
import type { CalledTool } from "./Fixture.ts"
import type { Rule } from "./Rule.ts"

const itemKinds = new Map([["Command", "command"], ["FileChange", "file-change"]])

/** What a call of the tool comes as, where that is not what is listed. */
const comesOtherwise = Effect.fnUntraced(function*(host: Host, { detail, kind, name, prompt }: CalledTool) {
  const { turnId } = yield* runFreely(host, prompt)
  const items = (yield* stored(host)).filter(is("ItemCompleted")).flatMap((event) =>
    event.turnId === turnId && event.item.subagent === undefined ? [event.item] : []
  )
  const calls = items.filter((item) => item._tag === "ToolCall" || itemKinds.has(item._tag))
  const kinds = calls.map((item) => item._tag === "ToolCall" ? item.kind : itemKinds.get(item._tag))
  if (kinds.join() !== (kind === "none" ? "" : kind)) return [{ name, listed: kind, comes: kinds, items }]
  const seen = calls.flatMap((item) => item._tag === "ToolCall" ? [item.detail] : [])[0]
  return detail === undefined || Equal.equals(seen, detail) ? [] : [{ name, listed: detail, comes: seen ?? "nothing" }]
})

export const rules: ReadonlyArray<Rule> = [
  {
    id: "tools/kinds",
    promise: "P11",
    title: "each of the agent's own tools comes as the kind that it is, with its details",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        if (bench.tools === undefined) return yield* new NotChecked({ missing: "tools" })
        yield* startFreely(host)
        const called = bench.tools.filter((tool) => "prompt" in tool)
        const wrong = yield* Effect.forEach(called, (tool) => comesOtherwise(host, tool))
        yield* equal(wrong.flat(), [], "tools that come otherwise than as they are listed")
        const listed = new Set(bench.tools.map(({ name }) => name))
        const offered = yield* host.controls.offeredTools ?? Effect.succeed([])
        const unlisted = offered.filter((name) => !listed.has(name))
        yield* equal(Array.from(new Set(unlisted)), [], "tools that the model is offered and that are not listed")
      }))
  }
]
