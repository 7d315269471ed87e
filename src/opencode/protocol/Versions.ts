/**
 * Versions of OpenCode: those that the tests hold on, and those that speak this protocol at all. OpenCode 2 has other
 * routes, and does not run plugins of version 1.
 */
import * as Executable from "../../adapter/Executable.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { AgentTooNew } from "../../provider/AdapterError.ts"

export const tested = { from: "1.18.33", to: "1.18.34" }

export const isTested = (version: string): boolean =>
  Executable.isAtLeast(version, tested.from) && Executable.isAtLeast(tested.to, version)

/** The refusal of a version that speaks another protocol. */
export const refusal = (instanceId: InstanceId, found: string): AgentTooNew | undefined =>
  Executable.isAtLeast(found, "2.0.0-0") ? new AgentTooNew({ instanceId, found, newest: tested.to }) : undefined

/** What a session on a version that was not tested begins with. */
export const warnings = (version: string): ReadonlyArray<ProviderEvent> =>
  isTested(version) ? [] : [{
    _tag: "Warning",
    code: "untested-version",
    message: `OpenCode is version ${version}; this library is tested with ${tested.from} to ${tested.to}`
  }]
