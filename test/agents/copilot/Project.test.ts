/** What the real program takes of a project. */
import { Copilot } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpProject from "../AcpProject.ts"
import { optionsOf } from "./ConformingCopilot.ts"

AcpProject.prove({
  name: "copilot",
  profile: Copilot.profile,
  optionsOf,
  run: (command) =>
    ModelReply.call("bash", { command, description: "as asked", mode: "sync", shellId: "s1", initial_wait: 30 }),
  runs: [".github/hooks/hostile.json"],
  reads: [
    "GEMINI.md",
    "AGENTS.md",
    "CLAUDE.md",
    ".github/copilot-instructions.md",
    ".github/instructions/walnut.instructions.md",
    ".claude/skills/skill-c/SKILL.md",
    ".github/skills/skill-h/SKILL.md",
    ".agents/skills/skill-a/SKILL.md",
    ".claude/agents/agent-v.md",
    ".github/agents/agent-u.agent.md"
  ]
})
