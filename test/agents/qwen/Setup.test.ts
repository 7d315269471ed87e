/** What an app gives a session of the real program. */
import { Qwen } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSetup from "../AcpSetup.ts"
import { optionsOf } from "./ConformingQwen.ts"

AcpSetup.prove({
  profile: Qwen.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked", is_background: false }),
  model: "scripted-1",
  callMcp: (tool, input) => ModelReply.call("tool_call", { name: `mcp__tester__${tool}`, arguments: input }),
  planned: /plan mode/,
  loosening: {},
  servers: true,
  seeing: (options) => ({
    ...options,
    isolated: true,
    env: { ...options.env, OPENAI_MODEL: "qwen3-vl-plus" }
  })
})
