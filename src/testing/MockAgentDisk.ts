/**
 * What a mock agent keeps when its process is gone: its sessions and their histories.
 *
 * Give one disk to two layers and the second sees what the first left: that is a restart of the host. Where the host is
 * a process of its own, which a test kills and starts again, take a disk {@link inFile}. The disk also holds what tests
 * look at afterwards: each turn and each answer that really reached the agent, and each summary that its model was
 * asked for.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { deserialize, serialize } from "node:v8"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import type { RequestId, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { Item } from "../domain/Item.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { ModelSelection, TurnInput } from "../domain/TurnInput.ts"
import type { Usage } from "../domain/Usage.ts"
import type { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../domain/UserRequest.ts"
import type { StartInput } from "../provider/ProviderAdapter.ts"

/**
 * One entry of the model's context. A `seed` is the transcript that a rehydrated session was handed, a `summary` stands
 * for everything that a compaction took out of the context, `context` is what a turn brought beside the user's words.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly role: "seed" | "summary" | "context" | "user" | "assistant" | "tool"
  readonly text: string
}

/**
 * How a turn ended. `unfinished`: the agent died while it worked on it, or it still runs.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "completed" | "failed" | "interrupted" | "unfinished"

/**
 * A turn in the agent's own record.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredTurn {
  readonly turnId: TurnId
  readonly ref: string | undefined
  readonly input: TurnInput
  outcome: Outcome
  /** Once the turn is over. */
  usage: Usage | undefined
}

/**
 * One message of the agent's own record. A compaction adds to it and takes nothing away.
 *
 * @category models
 * @since 0.1.0
 */
export type StoredMessage =
  & {
    readonly id: string
    /** Milliseconds since the epoch. */
    readonly at: number
    readonly turnId: TurnId | undefined
  }
  & (
    | { readonly _tag: "Item"; readonly item: Item; readonly context: ReadonlyArray<string> }
    /** A transcript that the agent was handed, or a summary that it wrote. */
    | { readonly _tag: "Text"; readonly role: "seed" | "summary"; readonly text: string }
  )

/**
 * A session in the agent's own record.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredSession {
  readonly sessionId: SessionId
  title: string | undefined
  /** The thread that opened it last. */
  threadId: ThreadId
  directory: string
  runtimeMode: RuntimeMode
  model: ModelSelection | undefined
  /** The model's context. */
  history: Array<Message>
  readonly messages: Array<StoredMessage>
  readonly turns: Array<StoredTurn>
  /** Where each turn began in `history` and `messages`. A compaction forgets those before it. */
  readonly marks: Map<TurnId, { readonly history: number; readonly messages: number }>
  /** How often the past was changed, by a compaction or a rewind. */
  revision: number
  /** Made by the agent's own program, and not by an adapter. */
  readonly outside: boolean
  resumable: boolean
  /** Requests ever asked, so that their ids stay unique across lives. */
  requests: number
  /** Tasks ever started, for the same reason. */
  tasks: number
  overlaps: number
}

/**
 * Input that reached the agent, whatever became of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceivedTurn {
  readonly sessionId: SessionId
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly ref: string | undefined
  readonly input: TurnInput
  /** Added to a running turn. */
  readonly steered: boolean
}

/**
 * An answer that reached the agent while it waited for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceivedAnswer {
  readonly sessionId: SessionId
  /** Absent if the request was of no turn. */
  readonly turnId: TurnId | undefined
  readonly requestId: RequestId
  readonly answer: ApprovalDecision | QuestionAnswer | ElicitationAnswer
}

/**
 * A summary that the model was asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface SummaryRequest {
  readonly sessionId: SessionId
  /** The turn that the compaction is part of, if any. */
  readonly turnId: TurnId | undefined
  readonly trigger: CompactionTrigger
  /** What is to be summed up: the whole context. */
  readonly history: ReadonlyArray<Message>
  /** What the gate handed over for the writer. */
  readonly context: ReadonlyArray<string>
}

/**
 * A disk. Pass it to layers; read it through `MockProvider`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MockAgentDisk {
  /** Part of every session's id, so that another disk never knows the session. */
  readonly name: string
  readonly sessions: Map<SessionId, StoredSession>
  readonly starts: Array<StartInput>
  readonly received: Array<ReceivedTurn>
  readonly answers: Array<ReceivedAnswer>
  readonly summaries: Array<SummaryRequest>
  /** Called after every change; `true` once it has found what it waits for. */
  readonly watchers: Set<() => boolean>
  /** Writes what the agent keeps to its file, where it has one. */
  readonly save?: (() => void) | undefined
  created: number
}

/**
 * An empty disk, at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = (): MockAgentDisk => ({
  name: randomBytes(4).toString("hex"),
  sessions: new Map(),
  starts: [],
  received: [],
  answers: [],
  summaries: [],
  watchers: new Set(),
  created: 0
})

/**
 * An empty disk.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<MockAgentDisk> = Effect.sync(makeUnsafe)

/** What is in the file of a disk. Not `starts`: they hold functions of the host. */
type Saved = Pick<MockAgentDisk, "name" | "sessions" | "received" | "answers" | "summaries" | "created">

/**
 * A disk that survives its process: what an earlier one left in the file, or an empty one. It is written after every
 * change, whole, so that a process that is killed at any time leaves a disk as it was before or after a change. One
 * process at a time can use it; `starts` are those of this process. A turn that the killed process was working on stays
 * `unfinished`.
 *
 * The file is in V8's own format, for the same version of Node. A file that cannot be read or written is a defect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inFile = (filename: string): Effect.Effect<MockAgentDisk> =>
  Effect.sync(() => {
    const saved: Saved = existsSync(filename) ? deserialize(readFileSync(filename)) : makeUnsafe()
    const disk: MockAgentDisk = {
      name: saved.name,
      sessions: saved.sessions,
      received: saved.received,
      answers: saved.answers,
      summaries: saved.summaries,
      created: saved.created,
      starts: [],
      watchers: new Set(),
      save: () => {
        const { answers, created, name, received, sessions, summaries } = disk
        writeFileSync(`${filename}.new`, serialize({ name, sessions, received, answers, summaries, created }))
        renameSync(`${filename}.new`, filename)
      }
    }
    return disk
  })

/**
 * Saves the disk, if it has a file, and calls the watchers.
 *
 * @category combinators
 * @since 0.1.0
 */
export const changed = (disk: MockAgentDisk): void => {
  disk.save?.()
  for (const watcher of disk.watchers) if (watcher()) disk.watchers.delete(watcher)
}

/**
 * The first value that `find` finds, now or after a later change.
 *
 * @category combinators
 * @since 0.1.0
 */
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
