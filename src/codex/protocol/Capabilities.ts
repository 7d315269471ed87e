/**
 * What Codex (0.171.0) can do.
 *
 * @since 0.1.0
 */
import type { Capabilities } from "../../provider/ProviderAdapter.ts"

/**
 * Automatic compaction cannot be switched off, but each can be vetoed, which ends the user's turn.
 *
 * @category constants
 * @since 0.1.0
 */
export const capabilities: Capabilities = {
  runtimeModes: ["approval-required", "auto-accept-edits", "full-access", "read-only"],
  projectConfig: ["trust", "instructions", "ignore"],
  setup: {
    environment: "per-session",
    mcpServers: "per-session",
    directories: "never",
    instructions: "per-session",
    arguments: "never",
    tools: "never"
  },
  agents: "never",
  moveDirectory: "anywhere",
  modelSwitch: "per-turn",
  modeSwitch: "per-session",
  resend: false,
  steer: true,
  fork: true,
  forkAt: true,
  rewind: "conversation",
  portable: true,
  adopt: true,
  ephemeral: true,
  compact: true,
  compactionGate: "blocking",
  autoCompaction: "vetoes",
  questions: true,
  elicitations: true,
  denyReason: false,
  afterDenial: "continues",
  toolGuard: "asked",
  tasks: true,
  ownTurns: false,
  steps: false,
  usage: "tokens",
  attachments: true,
  history: true
}
