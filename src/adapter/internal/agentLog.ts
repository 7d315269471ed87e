/**
 * What an agent says to people: the last of it is kept, and a line can be waited for.
 */
import { Deferred, Effect, Exit } from "effect"

export interface AgentLog {
  readonly add: (text: string) => void
  /** The first match in the kept text or in what comes after it. */
  readonly find: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
  /** The last {@link tailLength} characters, without secrets. */
  readonly tail: () => string
}

export const tailLength = 8192

/** The longest secret that is recognized although its beginning was dropped. */
const longestSecret = 4096

/** More is kept than is shown, because a secret of which the beginning was dropped cannot be recognized. */
const keptLength = tailLength + 2 * longestSecret

export const make = (redact: (text: string) => string): AgentLog => {
  let kept = ""
  let dropped = false
  const waiting = new Set<{ readonly pattern: RegExp; readonly found: Deferred.Deferred<RegExpExecArray> }>()
  return {
    add: (text) => {
      const all = kept + text
      for (const { found, pattern } of waiting) {
        const match = pattern.exec(all)
        if (match !== null) Deferred.doneUnsafe(found, Exit.succeed(match))
      }
      dropped ||= all.length > keptLength
      kept = all.slice(-keptLength)
    },
    find: (pattern) =>
      Effect.suspend(() => {
        const already = pattern.exec(kept)
        if (already !== null) return Effect.succeed(already)
        const entry = { pattern, found: Deferred.makeUnsafe<RegExpExecArray>() }
        waiting.add(entry)
        return Effect.ensuring(Deferred.await(entry.found), Effect.sync(() => waiting.delete(entry)))
      }),
    tail: () => {
      const text = redact(kept)
      return text.slice(Math.max(dropped ? longestSecret : 0, text.length - tailLength))
    }
  }
}
