/**
 * A hook as the registry has it, and who runs it.
 *
 * @since 0.1.0
 */
import { type Duration, type Effect, Schema, type Scope } from "effect"
import * as InputIssue from "../domain/InputIssue.ts"
import type { HookPattern, LifecycleEvent } from "../domain/LifecycleEvent.ts"
import type { SessionSetup } from "../provider/SessionSetup.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import type {
  ApprovalVerdict,
  GuardedEvent,
  GuardedKind,
  ToolVerdict,
  TransformedKind,
  TransformPatch
} from "./HookVerdict.ts"
import type { ProjectionRegistration } from "./Projection.ts"
import type { SessionOpening } from "./SessionOpening.ts"

/**
 * Two hooks have the same name.
 *
 * @since 0.1.0
 * @category errors
 */
export class HookExists
  extends Schema.TaggedError<HookExists>("effect-coding-agents/HookExists")("HookExists", { name: Schema.String }, {
    httpApiStatus: 500
  })
{
  readonly retryable = false
  override get message() {
    return `Two hooks use the name "${this.name}"; give each its own`
  }
}

/**
 * A hook that was registered with something that is none, as a misspelt field in JavaScript. `issues` name the fields, without
 * the values.
 *
 * @since 0.1.0
 * @category errors
 */
export class HookInvalid extends Schema.TaggedError<HookInvalid>("effect-coding-agents/HookInvalid")("HookInvalid", {
  /** Empty where that is what is missing. */
  name: Schema.String,
  phase: Schema.Literals(["setup", "guard", "transform", "observe", "project"]),
  issues: Schema.Array(InputIssue.InputIssue)
}, { httpApiStatus: 500 }) {
  readonly retryable = false
  override get message() {
    return `The hook "${this.name}" (${this.phase}) cannot be registered: ${InputIssue.format(this.issues)}`
  }
}

/**
 * What the Layer of a hook fails with.
 *
 * @since 0.1.0
 * @category errors
 */
export type HookError = HookExists | HookInvalid

/**
 * Services that a hook can use without being given them: it runs on the host that calls it.
 *
 * @since 0.1.0
 * @category models
 */
export type HookServices = ProviderService | TranscriptArchive

/**
 * A registered hook: its phase, its events, and a `run` that needs only {@link HookServices}.
 *
 * @since 0.1.0
 * @category models
 */
export type HookRegistration =
  & {
    readonly name: string
    readonly priority: number
    readonly timeout: Duration.Duration
    /** For an interrupted call to end, before it is abandoned. */
    readonly grace: Duration.Duration
  }
  & (
    | ProjectionRegistration
    | {
      readonly phase: "setup"
      readonly run: (opening: SessionOpening) => Effect.Effect<SessionSetup, unknown, HookServices | Scope.Scope>
    }
    | {
      readonly phase: "guard"
      readonly events: ReadonlyArray<GuardedKind>
      readonly failure: "open" | "closed"
      readonly run: (event: GuardedEvent) => Effect.Effect<ApprovalVerdict | ToolVerdict, unknown, HookServices>
    }
    | {
      readonly phase: "transform"
      readonly events: ReadonlyArray<TransformedKind>
      readonly failure: "open" | "closed"
      readonly run: (event: GuardedEvent) => Effect.Effect<TransformPatch, unknown, HookServices>
    }
    | {
      readonly phase: "observe"
      readonly events: ReadonlyArray<HookPattern>
      readonly delivery: "durable" | "best-effort"
      readonly attempts: number
      readonly backoff: Duration.Duration
      readonly run: (event: LifecycleEvent) => Effect.Effect<unknown, unknown, HookServices>
    }
  )

/**
 * The runner of hooks: it gets the registered hooks, and every later registration and removal.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookFollower {
  readonly added: (hook: HookRegistration) => Effect.Effect<void>
  /** Succeeds when the hook has stopped running. */
  readonly removed: (hook: HookRegistration) => Effect.Effect<void>
}
