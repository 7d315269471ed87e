/** What the real program takes of a project. */
import { Goose } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpProject from "../AcpProject.ts"
import { optionsOf } from "./ConformingGoose.ts"

AcpProject.prove({
  name: "goose",
  profile: Goose.profile,
  optionsOf,
  run: (command) => ModelReply.call("shell", { command }),
  runs: [".agents/plugins/hostile/hooks/hooks.json", ".agents/plugins/hostile/.mcp.json"],
  reads: [
    "AGENTS.md",
    ".goosehints",
    ".claude/skills/skill-c/SKILL.md",
    ".agents/skills/skill-a/SKILL.md",
    ".claude/agents/agent-v.md",
    ".goose/agents/agent-y.md",
    ".agents/agents/agent-t.md"
  ]
})
