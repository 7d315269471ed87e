/** What the real program takes of a project. */
import { Qwen } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpProject from "../AcpProject.ts"
import { optionsOf } from "./ConformingQwen.ts"

AcpProject.prove({
  name: "qwen",
  profile: Qwen.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked", is_background: false }),
  runs: [".qwen/settings.json (hook)"],
  reads: [
    "QWEN.md",
    "AGENTS.md",
    ".qwen/skills/skill-q/SKILL.md",
    ".agents/skills/skill-a/SKILL.md",
    ".qwen/agents/agent-w.md",
    ".env"
  ],
  bars: ".qwen/agents/agent-w.md"
})
