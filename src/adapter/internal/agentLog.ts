/**
 * What an agent says to people: the last of it is kept, and a line can be waited for.
 */
import { Deferred, Effect, Exit } from "effect"

export interface AgentLog {
  readonly add: (text: string) => void
  /** The first match in the kept text or in what comes after it. */
  readonly find: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
  /** The last 8,192 characters, without secrets. */
  readonly tail: () => string
}

const tailLength = 8192

export const make = (redact: (text: string) => string): AgentLog => {
  let kept = ""
  const waiting = new Set<{ readonly pattern: RegExp; readonly found: Deferred.Deferred<RegExpExecArray> }>()
  return {
    add: (text) => {
      const all = kept + text
      for (const { found, pattern } of waiting) {
        const match = pattern.exec(all)
        if (match !== null) Deferred.doneUnsafe(found, Exit.succeed(match))
      }
      // First redacted, then cut: a secret of which the beginning was dropped could not be recognized any more.
      kept = all.length > tailLength ? redact(all).slice(-tailLength) : all
    },
    find: (pattern) =>
      Effect.suspend(() => {
        const already = pattern.exec(kept)
        if (already !== null) return Effect.succeed(already)
        const entry = { pattern, found: Deferred.makeUnsafe<RegExpExecArray>() }
        waiting.add(entry)
        return Effect.ensuring(Deferred.await(entry.found), Effect.sync(() => waiting.delete(entry)))
      }),
    tail: () => redact(kept)
  }
}
