/**
 * Whether a fiber runs inside a hook. The dispatcher sets this for a hook's handler; fibers that it forks inherit it.
 *
 * A thread waits for some of its hooks. A call to that thread from inside such a hook would wait for itself, so
 * {@link check} refuses it. The store may wait for a projection, so {@link outsideProjections} refuses whatever writes to it.
 * A forked fiber may call after the hook has ended.
 */
import { Context, Effect } from "effect"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type { LifecycleTag } from "../../domain/LifecycleEvent.ts"
import { HookReentrant } from "../../service/ServiceError.ts"
import type { HookRegistration } from "../HookRegistration.ts"
import type { SessionOpening } from "../SessionOpening.ts"

/** What a hook is called with. */
export interface HookInput {
  readonly threadId: ThreadId
  readonly _tag: LifecycleTag | SessionOpening["_tag"]
  /** Of an event: the turn that it belongs to, and when it was recorded, in milliseconds since 1970. */
  readonly turnId?: TurnId
  readonly at?: number
}

export interface HookScope {
  /** None inside a projection: it is of all threads. */
  readonly threadId: ThreadId | undefined
  readonly tag: HookInput["_tag"] | "projection"
  readonly phase: HookRegistration["phase"]
  readonly hook: string
  /** The handler's caller has gone on. */
  over: boolean
  /** The hook inside which this one was called. */
  readonly outer: HookScope | undefined
}

/** The innermost hook that the fiber is, or was, inside. */
export const Current = Context.Reference<HookScope | undefined>("effect-coding-agents/HookScope", {
  defaultValue: () => undefined
})

/** Inside the projection of this name. */
export const ofProjection = (hook: string): HookScope => ({
  threadId: undefined,
  tag: "projection",
  phase: "project",
  hook,
  over: false,
  outer: undefined
})

const locking: ReadonlySet<HookScope["tag"]> = new Set([
  "session:start",
  "session:end",
  "session:reset",
  "compaction:before"
])

const locks = ({ over, phase, tag }: HookScope): boolean => !over && (phase !== "observe" || locking.has(tag))

/** Names of the hooks that the fiber is inside. */
export const running: Effect.Effect<ReadonlySet<string>> = Effect.map(Current, (innermost) => {
  const names = new Set<string>()
  for (let scope = innermost; scope !== undefined; scope = scope.outer) if (!scope.over) names.add(scope.hook)
  return names
})

/** Fails inside a hook that this is true of. */
const refuse = (
  where: (scope: HookScope) => boolean,
  threadId: { readonly threadId?: ThreadId }
): Effect.Effect<void, HookReentrant> =>
  Effect.flatMap(Current, (innermost): Effect.Effect<void, HookReentrant> => {
    for (let scope = innermost; scope !== undefined; scope = scope.outer) {
      if (where(scope)) return Effect.fail(new HookReentrant({ ...threadId, hook: scope.hook, event: scope.tag }))
    }
    return Effect.void
  })

/** Fails inside a hook that the thread is waiting for. */
export const check = (threadId: ThreadId): Effect.Effect<void, HookReentrant> =>
  refuse((scope) => scope.threadId === threadId && locks(scope), { threadId })

/** Whether this is inside a setup of the thread, which has no session and is locked until the setup is done. */
export const insideSetup = (threadId: ThreadId): Effect.Effect<boolean> =>
  Effect.map(Current, (innermost) => {
    for (let scope = innermost; scope !== undefined; scope = scope.outer) {
      if (scope.phase === "setup" && scope.threadId === threadId && !scope.over) return true
    }
    return false
  })

/** Fails inside a projection. */
export const outsideProjections: Effect.Effect<void, HookReentrant> = refuse(
  ({ over, phase }) => phase === "project" && !over,
  {}
)
