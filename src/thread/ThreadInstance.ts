/**
 * The instance that a thread is to be started on.
 */
import { Effect } from "effect"
import type { InstanceId } from "../domain/Ids.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import { InstanceUnavailable } from "../provider/AdapterError.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** The thread's own instance may be gone; one that the call names must be known. Kept until the Scope closes. */
export const adapterOf = (deps: ThreadDeps, instanceId: InstanceId, record: Binding | undefined) =>
  Effect.mapError(
    deps.adapterOf(instanceId),
    (error) =>
      error._tag === "InstanceNotFound" && record?.instanceId === instanceId
        ? new InstanceUnavailable({ instanceId, reason: "absent" })
        : error
  )

/** As {@link adapterOf}, for what it declares. */
export const declared = (deps: ThreadDeps, instanceId: InstanceId, record: Binding | undefined) =>
  Effect.scoped(adapterOf(deps, instanceId, record))
