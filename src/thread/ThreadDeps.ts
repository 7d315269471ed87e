/**
 * What all threads of one host share.
 */
import type { Clock, Context, Duration, Effect, Path, Scope } from "effect"
import type { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import type { MissingPolicy } from "../domain/Continuity.ts"
import type { Epoch, InstanceId, ThreadId } from "../domain/Ids.ts"
import type { Instrumentation } from "../domain/Instrumentation.ts"
import type { Asked, ProjectConfig, ProjectDecision } from "../domain/ProjectConfig.ts"
import type { Redactor } from "../domain/Redaction.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type * as TurnLimits from "../domain/TurnLimits.ts"
import type { SteadyClock } from "../process/SteadyClock.ts"
import type { AgentStartError, InstanceUnavailable } from "../provider/AdapterError.ts"
import type { Offers, OffersInput } from "../provider/Offers.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import type { DirectoryInvalid, InstanceNotFound } from "../service/ServiceError.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import type { Snapshots } from "../transcript/internal/snapshots.ts"
import type { ThreadArchive } from "../transcript/internal/threadArchive.ts"
import type { Retention } from "../transcript/SnapshotRetention.ts"
import type { ReaperSettings } from "./SessionReaper.ts"
import type { ThreadHooks } from "./ThreadHooks.ts"

export interface ThreadSettings {
  readonly onMissing: MissingPolicy
  /** How much of the archive a rehydrated session is handed, in tokens of about four characters. */
  readonly rehydrateTokens: number
  readonly turnDeadline: Duration.Duration
  readonly noProgressDeadline: Duration.Duration
  readonly interruptGrace: Duration.Duration
  readonly limits: TurnLimits.Resolved
  readonly approvals: {
    /** When a request that stays unanswered is denied; never if absent. */
    readonly unanswered: { readonly after: Duration.Duration; readonly then: "deny" } | undefined
  }
  readonly stopTimeout: Duration.Duration
  /** How long the start and the end of a session wait for hooks. */
  readonly hookBudget: Duration.Duration
  readonly compaction: Required<CompactionPolicy> & {
    /** How long an agent may be held before a compaction. */
    readonly gateDeadline: Duration.Duration
    /** How long a compaction may take once the agent was let go. */
    readonly deadline: Duration.Duration
  }
  readonly reaper: ReaperSettings
}

/** What a decision about a directory's configuration needs of a start. */
export interface ProjectAsked extends Pick<Asked, "directory" | "runtimeMode" | "before"> {
  /** For the thread. */
  readonly projectConfig: ProjectConfig | undefined
}

/** What taking snapshots needs. */
export interface SnapshotDeps {
  readonly snapshots: Snapshots
  readonly path: Path.Path
  readonly deadline: Duration.Duration
  readonly redactor: Redactor | undefined
  readonly retention: Retention | undefined
}

export interface ThreadDeps {
  readonly store: SessionStore["Service"]
  /** For the times in events and records. */
  readonly clock: Clock.Clock
  /** For idleness and deadlines. */
  readonly steady: SteadyClock
  /** Fibers that outlive the call that started them: pumps, watches, compactions after an overflow. */
  readonly scope: Scope.Scope
  /** The host's own services, without the span that it was built in. */
  readonly own: Context.Context<never>
  /** Where the app has a telemetry. */
  readonly instrumentation: Instrumentation | undefined
  readonly settings: ThreadSettings
  readonly hooks: ThreadHooks
  readonly archive: ThreadArchive
  readonly snapshots: SnapshotDeps
  /** It is there at least until the Scope closes. */
  readonly adapterOf: (
    instanceId: InstanceId
  ) => Effect.Effect<ProviderAdapter, InstanceNotFound | InstanceUnavailable, Scope.Scope>
  /** The real path of a directory that can be worked in, on this machine or on the agent's own. */
  readonly realDirectory: (
    directory: string,
    adapter?: Pick<ProviderAdapter, "host">
  ) => Effect.Effect<string, DirectoryInvalid>
  /** What a session may take from its directory (a real path): by what was asked, the instance, and the app's settings. */
  readonly projectOf: (adapter: ProviderAdapter, asked: ProjectAsked) => ProjectDecision
  /** Before a session is started: stops idle ones of other threads where there would be too many. */
  readonly makeRoom: (threadId: ThreadId) => Effect.Effect<void>
  /**
   * What an agent offers in a directory, asked for anew or at most some minutes old, and in bounded time; `undefined` of an
   * adapter without offers.
   */
  readonly offersOf: (
    adapter: ProviderAdapter,
    options: OffersInput & { readonly refresh: boolean }
  ) => Effect.Effect<Offers | undefined, AgentStartError>
  /** An agent has said that it offers something else than before. */
  readonly offersChanged: (adapter: ProviderAdapter) => Effect.Effect<void>
  /** Readers of a thread are shown these events of it. */
  readonly shown: (events: ReadonlyArray<ThreadEvent>) => void
  /** The thread does something else than before, and shows no stored event of it. */
  readonly changed: (threadId: ThreadId) => void
  /** Compacts a thread that has become too long for its model, without being waited for. */
  readonly compactAfterOverflow: (threadId: ThreadId) => Effect.Effect<void>
  /** Epochs whose end could not be stored; the reaper settles them. */
  readonly unsettled: Map<ThreadId, Epoch>
  /** Called when a thread has no session any more; it may be forgotten if no call uses it. */
  readonly idle: (threadId: ThreadId) => void
  /** The host shuts down: nothing is started or sent any more. */
  readonly retired: () => boolean
  /** The host has shut down: nothing more is written. */
  readonly closed: () => boolean
}
