/**
 * What a mock agent keeps when its process is gone: its sessions and their histories.
 *
 * Give one disk to two layers and the second sees what the first left: that is a restart of the host. The disk also
 * holds what tests want to know of all those lives: each turn and each answer that truly reached the agent.
 */
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import type { RequestId, SessionId, ThreadId, TurnId } from "../Ids.ts"
import type { Item } from "../Item.ts"
import type { StartInput } from "../ProviderAdapter.ts"
import type { RuntimeMode } from "../RuntimeMode.ts"
import type { ModelSelection, TurnInput } from "../TurnInput.ts"
import type { ApprovalDecision, QuestionAnswer } from "../UserRequest.ts"

/**
 * One entry of the model's context. A `seed` is the transcript that a rehydrated session was handed, a `summary` stands
 * for everything that a compaction took out of the context.
 */
export interface Message {
  readonly role: "seed" | "summary" | "user" | "assistant" | "tool"
  readonly text: string
}

/** `unfinished`: the agent died under it, or it still runs. */
export type Outcome = "completed" | "failed" | "interrupted" | "unfinished"

export interface StoredTurn {
  readonly turnId: TurnId
  readonly ref: string | undefined
  readonly input: TurnInput
  readonly items: Array<Item>
  outcome: Outcome
}

export interface StoredSession {
  readonly sessionId: SessionId
  readonly title: string | undefined
  /** The thread that opened it last. */
  threadId: ThreadId
  directory: string
  runtimeMode: RuntimeMode
  model: ModelSelection | undefined
  history: Array<Message>
  readonly turns: Array<StoredTurn>
  resumable: boolean
  /** Requests ever asked, so that their ids stay unique across lives. */
  requests: number
  overlaps: number
}

/** Input that reached the agent, whatever became of it. */
export interface ReceivedTurn {
  readonly sessionId: SessionId
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly ref: string | undefined
  readonly input: TurnInput
  /** Added to a running turn. */
  readonly steered: boolean
}

/** An answer that reached the agent while it waited for it. */
export interface ReceivedAnswer {
  readonly sessionId: SessionId
  readonly turnId: TurnId
  readonly requestId: RequestId
  readonly answer: ApprovalDecision | QuestionAnswer
}

/** Hand it to layers; read it through `MockProvider`. */
export interface MockAgentDisk {
  /** Part of every session's id: no other disk knows the session, as no other machine would. */
  readonly name: string
  readonly sessions: Map<SessionId, StoredSession>
  readonly starts: Array<StartInput>
  readonly received: Array<ReceivedTurn>
  readonly answers: Array<ReceivedAnswer>
  /** Looks again after every change; `true` once it has seen what it waits for. */
  readonly watchers: Set<() => boolean>
  created: number
}

export const makeUnsafe = (): MockAgentDisk => ({
  name: randomBytes(4).toString("hex"),
  sessions: new Map(),
  starts: [],
  received: [],
  answers: [],
  watchers: new Set(),
  created: 0
})

/** An empty disk. */
export const make: Effect.Effect<MockAgentDisk> = Effect.sync(makeUnsafe)

/** Tells the watchers that something has changed. */
export const changed = (disk: MockAgentDisk): void => {
  for (const watcher of disk.watchers) if (watcher()) disk.watchers.delete(watcher)
}

/** What `find` finds, now or after a later change. */
export const watch = <A>(disk: MockAgentDisk, find: () => A | undefined): Effect.Effect<A> =>
  Effect.callback<A>((resume) => {
    const look = () => {
      const found = find()
      if (found === undefined) return false
      resume(Effect.succeed(found))
      return true
    }
    if (look()) return
    disk.watchers.add(look)
    return Effect.sync(() => disk.watchers.delete(look))
  })
