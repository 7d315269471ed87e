/**
 * What hooks are asked before a session is started.
 */
import { Effect, Equal, Exit, Scope } from "effect"
import { Epoch } from "../domain/Ids.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import type { OpeningCause, SessionOpening } from "../hooks/SessionOpening.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import type * as LiveEpoch from "./epoch/LiveEpoch.ts"
import type { StartPlan } from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** Why a thread's next session is started, where the app asked for it or a turn needs it. */
export const causeOf = (
  asked: "start" | "turn",
  record: Binding | undefined,
  { plan, recovered }: { readonly plan: StartPlan; readonly recovered: boolean }
): OpeningCause => {
  if (record !== undefined && record.epoch > 0 && record.instanceId !== plan.instanceId) return "swap"
  return recovered ? "recover" : asked
}

/** The opening as hooks see it. */
export const opening = (
  { instanceId, provider }: Pick<ProviderAdapter, "instanceId" | "provider">,
  threadId: Binding["threadId"],
  plan: StartPlan,
  record: Binding | undefined,
  cause: OpeningCause
): SessionOpening => ({
  _tag: "session:setup",
  threadId,
  cause,
  epoch: Epoch.make((record?.epoch ?? 0) + 1),
  instanceId,
  provider,
  directory: plan.directory,
  runtimeMode: plan.runtimeMode,
  ...(plan.model === undefined ? {} : { model: plan.model }),
  ...(plan.agent === undefined ? {} : { agent: plan.agent }),
  ...(plan.title === undefined ? {} : { title: plan.title }),
  ...(plan.labels === undefined ? {} : { labels: plan.labels }),
  ...(record?.sessionId === undefined ? {} : { previousSessionId: record.sessionId })
})

/**
 * Asks while the session that is to be replaced lives on; `undefined` if there are no hooks. A stop interrupts it. `use`
 * takes over what hooks acquired; if it fails, that is released. Lock held.
 */
export const before = <A, E>(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  opening: SessionOpening,
  use: (given: LiveEpoch.GivenSetup | undefined) => Effect.Effect<A, E>
) =>
  Effect.uninterruptibleMask((restore) => {
    const scope = Scope.makeUnsafe()
    return restore(ThreadCell.interruptible(deps, cell, deps.hooks.setUp(opening, scope))).pipe(
      Effect.flatMap((exit) => ThreadCell.valueOf(cell, exit)),
      Effect.flatMap((setup) => restore(use(setup === undefined ? undefined : { setup, scope }))),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : EpochEnd.releaseSetup(deps, scope, opening))
    )
  })

/** Whether a session that was given the one need not be started again for the other. */
export const same = (one: LiveEpoch.GivenSetup | undefined, other: LiveEpoch.GivenSetup | undefined): boolean =>
  Equal.equals(one?.setup, other?.setup)

/** The real path; of a directory that hooks have yet to make, the path as it was asked for. */
export const directoryOf = (deps: ThreadDeps, directory: string, adapter: ProviderAdapter) =>
  Effect.catchTag(
    deps.realDirectory(directory, adapter),
    "DirectoryInvalid",
    (error) => deps.hooks.setsUp() && error.reason === "missing" ? Effect.succeed(directory) : Effect.fail(error)
  )
