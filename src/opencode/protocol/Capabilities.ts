/**
 * What OpenCode (1.18.33) can do.
 *
 * @since 0.1.0
 */
import type { Capabilities } from "../../provider/ProviderAdapter.ts"

/**
 * What sessions can do at most. An external server without the gate's plugin compacts unasked, and its sessions say so.
 *
 * @category constants
 * @since 0.1.0
 */
export const capabilities: Capabilities = {
  runtimeModes: ["approval-required", "auto-accept-edits", "full-access", "read-only"],
  projectConfig: ["trust", "instructions", "ignore"],
  setup: {
    environment: "per-instance",
    mcpServers: "per-instance",
    directories: "never",
    instructions: "per-instance",
    arguments: "never",
    tools: "never"
  },
  agents: "per-turn",
  moveDirectory: "same-project",
  modelSwitch: "per-turn",
  modeSwitch: "live",
  resend: false,
  steer: true,
  fork: true,
  forkAt: true,
  rewind: "conversation",
  portable: false,
  adopt: true,
  ephemeral: true,
  compact: true,
  compactionGate: "blocking",
  autoCompaction: "can-be-off",
  questions: true,
  elicitations: false,
  denyReason: true,
  afterDenial: "by-reason",
  toolGuard: "all",
  tasks: true,
  ownTurns: true,
  steps: true,
  usage: "tokens-and-cost",
  attachments: true,
  history: true
}

/**
 * Of a server that runs already: it decides itself what it reads of a directory.
 *
 * @category constants
 * @since 0.1.0
 */
export const external: Capabilities = { ...capabilities, projectConfig: ["trust"] }
