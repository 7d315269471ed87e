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
  projectConfig: ["trust", "instructions", "ignore"],
  setup: {
    environment: "per-session",
    mcpServers: "per-session",
    directories: "per-session",
    instructions: "per-session",
    arguments: "per-session",
    tools: "per-session"
  },
  agents: "per-session",
  moveDirectory: "anywhere",
  modelSwitch: "per-turn",
  modeSwitch: "live",
  resend: true,
  steer: true,
  fork: true,
  forkAt: true,
  rewind: "conversation-and-files",
  portable: true,
  adopt: true,
  ephemeral: true,
  compact: true,
  compactionGate: "blocking",
  autoCompaction: "can-be-off",
  questions: true,
  elicitations: true,
  denyReason: true,
  afterDenial: "continues",
  toolGuard: "all",
  tasks: true,
  ownTurns: true,
  steps: true,
  usage: "tokens-and-cost",
  attachments: true,
  history: true
}
