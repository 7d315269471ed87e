/** Qwen's own tools, and what a call of each comes as; docs/acp.md has the same table. */
import { fileIn } from "../../../examples/support/FileIn.ts"
import type { CalledTool, Tool } from "../../../src/testing/Conformance.ts"
import { calling } from "../../support/CalledTools.ts"

const question = {
  question: "Shall I?",
  header: "A question",
  options: [{ label: "yes", description: "Do it" }, { label: "no", description: "Do not" }],
  multiSelect: false
}

/** Only subagents are offered it as a tool; the agent itself calls it through another. */
const behind = (
  name: string,
  input: Readonly<Record<string, unknown>>,
  kind: CalledTool["kind"],
  detail?: CalledTool["detail"]
) => ({ ...calling("tool_call", { name, arguments: input }, kind, detail), name, prompt: `call ${name}` })

export const tools: ReadonlyArray<Tool> = [
  calling("run_shell_command", { command: "echo one", is_background: false }, "command"),
  calling("write_file", (request) => ({ file_path: fileIn(request, "one.txt"), content: "one\n" }), "file-change"),
  calling("read_file", (request) => ({ file_path: fileIn(request, "one.txt") }), "read"),
  calling(
    "edit",
    (request) => ({ file_path: fileIn(request, "one.txt"), old_string: "one", new_string: "two" }),
    "file-change"
  ),
  calling(
    "notebook_edit",
    (request) => ({ notebook_path: fileIn(request, "one.ipynb"), new_source: "1", edit_mode: "insert" }),
    "file-change"
  ),
  calling("glob", { pattern: "*.txt" }, "search", { _tag: "Search", query: "*.txt" }),
  calling("grep_search", { pattern: "t.o" }, "search", { _tag: "Search", query: "t.o" }),
  calling(
    "agent",
    { description: "Look", prompt: "say I looked", subagent_type: "general-purpose", run_in_background: false },
    "subagent",
    { _tag: "Subagent", task: "say I looked", name: "general-purpose" }
  ),
  calling("ask_user_question", { questions: [question] }, "think"),
  calling("skill", { skill: "none" }, "read"),
  calling("tool_search", { query: "select:web_fetch" }, "other"),
  calling("tool_call", { name: "none", arguments: {} }, "other"),
  behind("web_fetch", { url: "http://127.0.0.1:9/", prompt: "Say it" }, "fetch", {
    _tag: "Fetch",
    url: "http://127.0.0.1:9/"
  }),
  behind("zoom_image", { file_path: "/none/one.png", x1: 0, y1: 0, x2: 500, y2: 500 }, "read"),
  behind("read_mcp_resource", { server_name: "none", uri: "none://one" }, "fetch"),
  behind("monitor", { command: "echo one", description: "as asked" }, "command"),
  behind("report_findings", { findings: [] }, "think"),
  behind("loop_wakeup", { delay: 60, reason: "none" }, "other"),
  calling("list_agents", {}, "read"),
  calling("get_goal", {}, "read"),
  calling("update_goal", { status: "complete", reason: "done" }, "think"),
  calling("enter_plan_mode", {}, "other"),
  calling("exit_plan_mode", { plan: "One step." }, "other")
]
