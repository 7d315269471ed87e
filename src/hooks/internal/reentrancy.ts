/**
 * Whether a fiber is inside of a hook. A hook's handler is told so by the dispatcher, and what it forks inherits it.
 *
 * While some hooks are called their thread waits for them, so that what the hook asks of that same thread would wait for
 * itself: {@link check} refuses it. What a hook has forked may act once the hook is over.
 */
import { Context, Effect } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import type { LifecycleTag } from "../../domain/LifecycleEvent.ts"
import { HookReentrant } from "../../service/ServiceError.ts"
import type { HookRegistration } from "../LifecycleHooks.ts"

export interface HookScope {
  readonly threadId: ThreadId
  readonly tag: LifecycleTag
  readonly phase: HookRegistration["phase"]
  readonly hook: string
  /** Nobody waits for the handler any more. */
  over: boolean
  /** The hook inside of which this one was called. */
  readonly outer: HookScope | undefined
}

/** The innermost hook that the fiber is, or was, inside of. */
export const Current = Context.Reference<HookScope | undefined>("effect-coding-agents/HookScope", {
  defaultValue: () => undefined
})

const locking: ReadonlySet<LifecycleTag> = new Set([
  "session:start",
  "session:end",
  "session:reset",
  "compaction:before"
])

const locks = ({ over, phase, tag }: HookScope): boolean => !over && (phase !== "observe" || locking.has(tag))

/** Names of the hooks that the fiber is inside of. */
export const running: Effect.Effect<ReadonlySet<string>> = Effect.map(Current, (innermost) => {
  const names = new Set<string>()
  for (let scope = innermost; scope !== undefined; scope = scope.outer) if (!scope.over) names.add(scope.hook)
  return names
})

/** Fails inside of a hook that the thread is waiting for. */
export const check = (threadId: ThreadId): Effect.Effect<void, HookReentrant> =>
  Effect.flatMap(Current, (innermost): Effect.Effect<void, HookReentrant> => {
    for (let scope = innermost; scope !== undefined; scope = scope.outer) {
      if (scope.threadId === threadId && locks(scope)) {
        return Effect.fail(new HookReentrant({ threadId, hook: scope.hook, event: scope.tag }))
      }
    }
    return Effect.void
  })
