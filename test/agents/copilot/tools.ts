/** Copilot's own tools, and what a call of each comes as; docs/acp.md has the same table. */
import { fileIn } from "../../../examples/support/FileIn.ts"
import type { Tool } from "../../../src/testing/Conformance.ts"
import { calling } from "../../support/CalledTools.ts"

export const tools: ReadonlyArray<Tool> = [
  calling("bash", { command: "echo one", description: "as asked", mode: "sync", initial_wait: 30 }, "command"),
  calling("create", (request) => ({ path: fileIn(request, "one.txt"), file_text: "one\n" }), "file-change"),
  calling("view", (request) => ({ path: fileIn(request, "one.txt") }), "read"),
  calling("edit", (request) => ({ path: fileIn(request, "one.txt"), old_str: "one", new_str: "two" }), "file-change"),
  calling("glob", { pattern: "*.txt" }, "search", { _tag: "Search", query: "*.txt" }),
  calling("grep", { pattern: "t.o" }, "search", { _tag: "Search", query: "t.o" }),
  calling("read_bash", { shellId: "none", delay: 1 }, "read"),
  calling("list_bash", {}, "command"),
  calling("stop_bash", { shellId: "none" }, "command"),
  calling("sql", { description: "as asked", query: "SELECT 1" }, "other"),
  calling(
    "task",
    { name: "look", description: "Look", prompt: "say I looked", agent_type: "general-purpose", mode: "sync" },
    "subagent",
    { _tag: "Subagent", task: "say I looked", name: "general-purpose" }
  ),
  { name: "fetch_copilot_cli_documentation", uncalled: "only another call of the model is offered it" },
  calling("list_agents", {}, "read"),
  calling("read_agent", { agent_id: "none" }, "read"),
  calling("write_agent", { agent_id: "none", message: "one" }, "other")
]
