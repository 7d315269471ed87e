/** Grok's own tools, and what a call of each comes as; docs/acp.md has the same table. */
import { fileIn } from "../../../examples/support/FileIn.ts"
import type { Tool } from "../../../src/testing/Conformance.ts"
import { calling } from "../../support/CalledTools.ts"

const question = {
  question: "Shall I?",
  header: "A question",
  options: [{ label: "yes", description: "Do it" }, { label: "no", description: "Do not" }],
  multi_select: false
}

export const tools: ReadonlyArray<Tool> = [
  calling("run_terminal_command", { command: "echo one", description: "as asked" }, "command"),
  calling("write", (request) => ({ file_path: fileIn(request, "one.txt"), content: "one\n" }), "file-change"),
  calling("read_file", (request) => ({ target_file: fileIn(request, "one.txt") }), "read"),
  calling(
    "search_replace",
    (request) => ({ file_path: fileIn(request, "one.txt"), old_string: "one", new_string: "two" }),
    "file-change"
  ),
  calling("list_dir", (request) => ({ target_directory: fileIn(request, ".") }), "read"),
  calling("grep", { pattern: "t.o" }, "search", { _tag: "Search", query: "t.o" }),
  calling("todo_write", { merge: false, todos: [{ id: "1", content: "one", status: "pending" }] }, "think"),
  calling("spawn_subagent", { description: "Look", prompt: "say I looked", background: false }, "subagent", {
    _tag: "Subagent",
    task: "say I looked"
  }),
  calling("get_command_or_subagent_output", { task_ids: ["none"] }, "other"),
  calling("kill_command_or_subagent", { task_id: "none" }, "other"),
  calling("monitor", { command: "echo one", description: "as asked" }, "other"),
  calling("scheduler_list", {}, "other"),
  calling("scheduler_create", { interval: "1h", prompt: "say one" }, "other"),
  calling("scheduler_delete", { id: "none" }, "other"),
  calling("search_tool", { query: "walnut" }, "other"),
  calling("use_tool", { tool_name: "none", tool_input: {} }, "other"),
  calling("workflow", { source: "none", validate_only: true }, "other"),
  calling("ask_user_question", { questions: [question] }, "other"),
  calling("image_gen", { prompt: "A walnut" }, "other"),
  calling("image_edit", { prompt: "A walnut", image: ["none.png"] }, "other"),
  calling("image_to_video", { image: "none.png" }, "other"),
  calling("reference_to_video", { prompt: "A walnut", aspect_ratio: "1:1" }, "other"),
  { name: "wait_commands_or_subagents", uncalled: "only subagents are offered it" },
  { name: "session_title", uncalled: "only the request for a title is offered it" },
  { name: "send_feedback", uncalled: "what it sends leaves the machine" },
  calling("enter_plan_mode", {}, "other"),
  calling("exit_plan_mode", {}, "other")
]
