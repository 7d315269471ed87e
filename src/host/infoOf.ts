/**
 * A live session as the service answers it.
 */
import type { SessionInfo } from "../service/Results.ts"
import type { LiveEpoch } from "../thread/epoch/LiveEpoch.ts"

export const infoOf = ({ binding, continuity }: LiveEpoch): SessionInfo => ({
  threadId: binding.threadId,
  epoch: binding.epoch,
  instanceId: binding.instanceId,
  sessionId: binding.sessionId,
  directory: binding.directory,
  runtimeMode: binding.runtimeMode,
  project: binding.project,
  continuity
})
