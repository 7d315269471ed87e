/**
 * Skills that a turn brings: their content, as OpenCode's own tool would answer it to the model. A prompt cannot name a
 * skill (1.18.33).
 */
import { Effect, Path } from "effect"
import { type AgentError, TurnRefused } from "../../provider/AdapterError.ts"
import type { ProviderTurn } from "../../provider/ProviderAdapter.ts"
import type { LiveSession } from "./LiveSession.ts"

export const read = Effect.fnUntraced(function*(
  { calls }: LiveSession,
  { input: { skills = [] }, turnId }: ProviderTurn
): Effect.fn.Return<ReadonlyArray<string>, AgentError | TurnRefused, Path.Path> {
  if (skills.length === 0) return []
  const path = yield* Path.Path
  const known = yield* calls.skills
  return yield* Effect.forEach(skills, (skill) => {
    const found = known.find(({ name }) => name === skill)
    if (found === undefined) return new TurnRefused({ turnId, name: "SkillNotFound", reason: { skill } })
    const folder = path.isAbsolute(found.location)
      ? [`Base directory of this skill: ${path.dirname(found.location)}`]
      : []
    return Effect.succeed(
      [`<skill_content name="${skill}">`, ...folder, found.content, "</skill_content>"].join("\n")
    )
  })
})
