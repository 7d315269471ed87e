/**
 * What Claude Code (2.1.332) can do.
 *
 * @since 0.1.0
 */
import type { Capabilities } from "../../provider/ProviderAdapter.ts"

/**
 * @category constants
 * @since 0.1.0
 */
export const capabilities: Capabilities = {
  runtimeModes: ["full-access", "auto-accept-edits", "approval-required", "read-only"],
  moveDirectory: "anywhere",
  modelSwitch: "per-turn",
  resend: false,
  steer: true,
  fork: true,
  forkAt: false,
  rewind: "never",
  portable: false,
  adopt: false,
  compact: true,
  compactionGate: "blocking",
  autoCompaction: "can-be-off",
  questions: true,
  elicitations: false,
  denyReason: true,
  tasks: true,
  steps: true,
  attachments: true,
  history: true
}
