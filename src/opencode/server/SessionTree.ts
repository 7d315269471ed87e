/**
 * Which session is whose subagent: what the hub must know to route a descendant's frames to the subscribed
 * session. Learnt from the frames themselves; a session that no frame has introduced is asked for, once.
 */
export interface SessionTree {
  readonly learn: (sessionId: string, parentId: string | null) => void
  readonly forget: (sessionId: string) => void
  /** The nearest subscribed session from here upwards; `{ unknown }` names the session whose parent is not known. */
  readonly find: (
    sessionId: string,
    subscribed: (id: string) => boolean
  ) => string | undefined | { readonly unknown: string }
}

export const make = (limit = 10_000): SessionTree => {
  const parents = new Map<string, string | null>()
  return {
    learn: (sessionId, parentId) => {
      parents.delete(sessionId)
      parents.set(sessionId, parentId)
      for (const oldest of parents.keys()) {
        if (parents.size <= limit) break
        parents.delete(oldest)
      }
    },
    forget: (sessionId) => {
      parents.delete(sessionId)
    },
    find: (sessionId, subscribed) => {
      const seen = new Set<string>()
      let current: string | null = sessionId
      while (current !== null && !seen.has(current)) {
        if (subscribed(current)) return current
        seen.add(current)
        const parent = parents.get(current)
        if (parent === undefined) return { unknown: current }
        current = parent
      }
      return undefined
    }
  }
}
