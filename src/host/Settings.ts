/**
 * The settings of the service, their defaults, and the one place that resolves them.
 *
 * Durations are anything that `Duration.Input` allows: `"30 minutes"`, milliseconds, a `Duration`.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Schema, Struct } from "effect"
import type { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import type { MissingPolicy } from "../domain/Continuity.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import { knownSecrets, type Redactor } from "../domain/Redaction.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import * as TurnLimits from "../domain/TurnLimits.ts"
import type * as TranscriptArchive from "../service/TranscriptArchive.ts"
import type { ReaperSettings } from "../thread/SessionReaper.ts"
import { defaultKeepLast, type Retention } from "../transcript/SnapshotRetention.ts"
import { decode, type Given } from "./settingsInput.ts"

/**
 * Everything that an app may set. What is left out has its default.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  /** What to do with a session that is proved missing. Default `rehydrate`. */
  readonly onMissing?: MissingPolicy | undefined
  /** How much of the archive a rehydrated session is handed, in tokens of about four characters. Default 32,000. */
  readonly rehydrateTokens?: number | undefined
  /** Longest prompt, in UTF-16 code units. Default 1,000,000. */
  readonly promptLimit?: number | undefined
  /**
   * Largest attachment that is given as data, and all of one turn together, in bytes. Default 10 MiB each, 50 MiB a turn.
   */
  readonly attachmentLimit?: {
    readonly each?: number | undefined
    readonly turn?: number | undefined
  } | undefined
  /**
   * How much may be imported as one thread: turns, and bytes of all of them as JSON, with what is attached. Default 100,000
   * turns and 1 GiB.
   */
  readonly importLimit?: {
    readonly turns?: number | undefined
    readonly bytes?: number | undefined
  } | undefined
  /** Longest turn, not counting the time it waits for a human. Default 4 hours. */
  readonly turnDeadline?: Duration.Input | undefined
  /** Longest silence of the agent in a turn, not counting the time it waits for a human. Default 15 minutes. */
  readonly noProgressDeadline?: Duration.Input | undefined
  /** What a turn may spend before it is ended. */
  readonly limits?: { readonly [K in keyof TurnLimits.TurnLimits]?: TurnLimits.TurnLimits[K] | undefined } | undefined
  readonly approvals?: {
    /**
     * What becomes of a request that stays unanswered for so long: an approval is denied, a question dismissed, an
     * elicitation cancelled. Default: it waits for ever.
     */
    readonly unanswered?: { readonly after: Duration.Input; readonly then: "deny" } | undefined
  } | undefined
  /** How long an agent may take to stop a turn before its session is given up. Default 10 seconds. */
  readonly interruptGrace?: Duration.Input | undefined
  /** How long an agent may take to stop before its thread goes on without it. Default 15 seconds. */
  readonly stopTimeout?: Duration.Input | undefined
  /** How long the start and the end of a session wait for hooks. Slower hooks finish in the background. Default 5 seconds. */
  readonly hookBudget?: Duration.Input | undefined
  /** What happens around a compaction; `startSession` can set it for one thread. */
  readonly compaction?:
    | (CompactionPolicy & {
      /** How long a snapshot may take, the agent's answer included. Default 30 seconds. */
      readonly snapshotDeadline?: Duration.Input | undefined
      /** How long an agent may be held before it compacts, guards included. Default 90 seconds. */
      readonly gateDeadline?: Duration.Input | undefined
      /** How long a compaction may take once it was let go. Default 10 minutes. */
      readonly deadline?: Duration.Input | undefined
    })
    | undefined
  /**
   * Whether an agent may run what it finds in this directory (a real path), where neither the thread nor the instance is
   * told; `false` holds in `full-access`, too. Default: `true` for threads that begin in `full-access`.
   */
  readonly trust?: ((directory: string) => boolean) | undefined
  /** What is saved of a transcript, and for how long. */
  readonly transcripts?: TranscriptArchive.Settings | undefined
  /**
   * How much of each thread's log is kept, in whole turns: whatever one of these removes is removed. Default: all.
   */
  readonly retention?: {
    /** The last so many turns. */
    readonly keepTurns?: number | undefined
    /** Turns that began no longer ago. */
    readonly maxAge?: Duration.Input | undefined
    /** So many bytes: of JSON, and of pasted images. */
    readonly maxBytes?: number | undefined
    /** Whether a snapshot is taken first. A thread of which none can be taken keeps its log. Default: false. */
    readonly archive?: boolean | undefined
    /**
     * A turn whose outcome is to be read from the agent's history, which the next start of its thread does, keeps the log from
     * there on. After this time it counts as settled. Default 30 days.
     */
    readonly settleAfter?: Duration.Input | undefined
    /** Time between two looks at all threads; the first is at the start. Default 1 hour. */
    readonly every?: Duration.Input | undefined
  } | undefined
  readonly reaper?: {
    /** Idle time after which a session is stopped. Default 30 minutes. */
    readonly idleAfter?: Duration.Input | undefined
    /** Time between two sweeps. Default 1 minute. */
    readonly sweepEvery?: Duration.Input | undefined
    /** How long background work may keep a session after its last turn. Default 4 hours. */
    readonly pinCap?: Duration.Input | undefined
    /**
     * Live sessions at most: above it the least recently used idle ones are stopped. Sessions in use are never stopped,
     * so there can be more. Default: no cap (`Infinity`).
     */
    readonly maxLive?: number | undefined
    /** Threads that are never stopped for being idle, nor is one of which this throws. Default: none. */
    readonly exempt?: ((binding: Binding) => boolean) | undefined
  } | undefined
}

/**
 * All settings, each with the value that holds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resolved {
  readonly onMissing: MissingPolicy
  readonly rehydrateTokens: number
  readonly promptLimit: number
  readonly attachmentLimit: { readonly each: number; readonly turn: number }
  readonly importLimit: { readonly turns: number; readonly bytes: number }
  readonly turnDeadline: Duration.Duration
  readonly noProgressDeadline: Duration.Duration
  readonly limits: TurnLimits.Resolved
  readonly approvals: {
    readonly unanswered: { readonly after: Duration.Duration; readonly then: "deny" } | undefined
  }
  readonly interruptGrace: Duration.Duration
  readonly stopTimeout: Duration.Duration
  readonly hookBudget: Duration.Duration
  readonly compaction: Required<CompactionPolicy> & {
    readonly snapshotDeadline: Duration.Duration
    readonly gateDeadline: Duration.Duration
    readonly deadline: Duration.Duration
  }
  readonly trust: ((directory: string) => boolean) | undefined
  readonly transcripts: { readonly redactor: Redactor; readonly retention: Retention }
  /** `Infinity` where there is no limit. */
  readonly retention: {
    readonly keepTurns: number
    readonly maxAge: Duration.Duration
    readonly maxBytes: number
    readonly archive: boolean
    readonly settleAfter: Duration.Duration
    readonly every: Duration.Duration
  }
  readonly reaper: ReaperSettings
}

/**
 * All settings with their defaults.
 *
 * @category settings
 * @since 0.1.0
 */
export const defaults: Resolved = {
  onMissing: "rehydrate",
  rehydrateTokens: 32_000,
  promptLimit: 1_000_000,
  attachmentLimit: { each: 10 * 2 ** 20, turn: 50 * 2 ** 20 },
  importLimit: { turns: 100_000, bytes: 2 ** 30 },
  turnDeadline: Duration.hours(4),
  noProgressDeadline: Duration.minutes(15),
  limits: TurnLimits.resolve(),
  approvals: { unanswered: undefined },
  interruptGrace: Duration.seconds(10),
  stopTimeout: Duration.seconds(15),
  hookBudget: Duration.seconds(5),
  compaction: {
    auto: true,
    saveBefore: true,
    savePath: ".agents/sessions",
    onSnapshotFailure: "block",
    vetoOverflow: false,
    tellAgent: false,
    snapshotDeadline: Duration.seconds(30),
    gateDeadline: Duration.seconds(90),
    deadline: Duration.minutes(10)
  },
  trust: undefined,
  transcripts: { redactor: knownSecrets, retention: { keepLast: defaultKeepLast } },
  retention: {
    keepTurns: Number.POSITIVE_INFINITY,
    maxAge: Duration.infinity,
    maxBytes: Number.POSITIVE_INFINITY,
    archive: false,
    settleAfter: Duration.days(30),
    every: Duration.hours(1)
  },
  reaper: {
    idleAfter: Duration.minutes(30),
    sweepEvery: Duration.minutes(1),
    pinCap: Duration.hours(4),
    maxLive: Number.POSITIVE_INFINITY,
    exempt: () => false
  }
}

/**
 * Settings that cannot be used; each issue names the setting, as `reaper.idleAfter`.
 *
 * @category errors
 * @since 0.1.0
 */
export class SettingsInvalid extends Schema.TaggedError<SettingsInvalid>("effect-coding-agents/SettingsInvalid")(
  "SettingsInvalid",
  { issues: Schema.Array(InputIssue.InputIssue) },
  { httpApiStatus: 500 }
) {
  readonly retryable = false
  override get message() {
    return `These settings cannot be used: ${InputIssue.format(this.issues)}`
  }
}

/** A value that is `undefined` is as one that is left out. */
const over = <A extends object>(defaults: A, given: { readonly [K in keyof A]?: A[K] | undefined } | undefined): A => {
  const resolved = { ...defaults }
  for (const key of Struct.keys(defaults)) resolved[key] = given?.[key] ?? defaults[key]
  return resolved
}

const withDefaults = (given: Given): Resolved => ({
  ...over(defaults, {
    ...given,
    approvals: undefined,
    attachmentLimit: undefined,
    importLimit: undefined,
    compaction: undefined,
    limits: undefined,
    transcripts: undefined,
    retention: undefined,
    reaper: undefined
  }),
  limits: TurnLimits.resolve(given.limits),
  approvals: over(defaults.approvals, given.approvals),
  attachmentLimit: over(defaults.attachmentLimit, given.attachmentLimit),
  importLimit: over(defaults.importLimit, given.importLimit),
  compaction: over(defaults.compaction, given.compaction),
  transcripts: {
    redactor: given.transcripts?.redactor ?? defaults.transcripts.redactor,
    retention: {
      ...given.transcripts?.retention,
      keepLast: given.transcripts?.retention?.keepLast ?? defaults.transcripts.retention.keepLast
    }
  },
  retention: over(defaults.retention, given.retention),
  reaper: over(defaults.reaper, given.reaper)
})

/**
 * The settings that hold. Fails with every setting that cannot be used.
 *
 * @category settings
 * @since 0.1.0
 */
export const resolve = (settings: unknown): Effect.Effect<Resolved, SettingsInvalid> =>
  decode(settings).pipe(
    Effect.mapError((error) => new SettingsInvalid({ issues: InputIssue.of(error) })),
    Effect.map(withDefaults)
  )
