/**
 * What a setup hook is told of the session that is about to be started.
 *
 * @since 0.1.0
 */
import type { Labels } from "../domain/AppData.ts"
import type { Epoch, InstanceId, ProviderName, SessionId, ThreadId } from "../domain/Ids.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { ModelSelection } from "../domain/TurnInput.ts"

/**
 * Why a session is started.
 *
 * - `start`: the app asked for it: by `startSession`, or with a thread that is adopted or restored.
 * - `turn`: a turn, or another operation that needs a session, found the thread without one.
 * - `recover`: as either of these, after a crash of the host that had the last session.
 * - `reset`: the conversation begins anew. The old session lives until the new one is there.
 * - `fork`: the first session of a copy.
 * - `swap`: another instance goes on with the conversation.
 * - `refresh`: `refreshSetup` asks again. A live session lives on where the answer is the same.
 *
 * @category models
 * @since 0.1.0
 */
export type OpeningCause = "start" | "turn" | "recover" | "reset" | "fork" | "swap" | "refresh"

/**
 * The session that is about to be started, and its thread. Nothing of it was looked at yet.
 *
 * @category models
 * @since 0.1.0
 */
export interface SessionOpening {
  readonly _tag: "session:setup"
  readonly threadId: ThreadId
  readonly cause: OpeningCause
  /** The number that the epoch will have. A start that fails leaves it to the next. */
  readonly epoch: Epoch
  readonly instanceId: InstanceId
  readonly provider: ProviderName
  /** As it was asked for, or as it is stored. It need not exist before the hook has made it. */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly model?: ModelSelection
  readonly agent?: string
  readonly title?: string
  /** The app's own words for the thread: whose it is, which project's. */
  readonly labels?: Labels
  /** The session that the thread had before, if any. */
  readonly previousSessionId?: SessionId
}
