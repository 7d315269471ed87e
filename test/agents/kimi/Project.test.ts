/** What the real program takes of a project. */
import { Kimi } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpProject from "../AcpProject.ts"
import { optionsOf } from "./ConformingKimi.ts"

AcpProject.prove({
  name: "kimi",
  profile: Kimi.profile,
  optionsOf,
  run: (command) => ModelReply.call("Bash", { command }),
  runs: [],
  reads: [
    "AGENTS.md",
    ".kimi-code/AGENTS.md",
    ".kimi-code/skills/skill-m/SKILL.md",
    ".agents/skills/skill-a/SKILL.md",
    ".kimi-code/agents/agent-s.md",
    ".agents/agents/agent-t.md"
  ]
})
