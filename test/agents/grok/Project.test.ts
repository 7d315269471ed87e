/** What the real program takes of a project. */
import { Grok } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpProject from "../AcpProject.ts"
import { optionsOf } from "./ConformingGrok.ts"

AcpProject.prove({
  name: "grok",
  profile: Grok.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_terminal_command", { command, description: "as asked" }),
  runs: [".grok/hooks/hostile.json", ".claude/settings.json", ".mcp.json", ".cursor/mcp.json"],
  reads: [
    "AGENTS.md",
    "CLAUDE.md",
    ".grok/rules/walnut.md",
    ".grok/skills/skill-k/SKILL.md",
    ".claude/skills/skill-c/SKILL.md",
    ".agents/skills/skill-a/SKILL.md"
  ]
})
