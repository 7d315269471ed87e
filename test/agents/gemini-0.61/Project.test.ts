/** What the real program takes of a project. */
import { Gemini } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpProject from "../AcpProject.ts"
import { optionsOf } from "../gemini/ConformingGemini.ts"

AcpProject.prove({
  name: "gemini-0.61",
  profile: Gemini.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked" }),
  runs: [".gemini/settings.json (server)", ".gemini/settings.json (discovery)"],
  reads: ["GEMINI.md", ".gemini/skills/skill-g/SKILL.md", ".agents/skills/skill-a/SKILL.md", ".env"]
})
