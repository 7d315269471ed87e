/** Gemini's own tools, and what a call of each comes as; docs/acp.md has the same table. */
import type { Tool } from "../../../src/testing/Conformance.ts"
import { calling } from "../../support/CalledTools.ts"

export const tools: ReadonlyArray<Tool> = [
  calling("run_shell_command", { command: "echo one" }, "command"),
  calling("write_file", { file_path: "one.txt", content: "one\n" }, "file-change"),
  calling("read_file", { file_path: "one.txt" }, "read"),
  calling(
    "replace",
    { file_path: "one.txt", instruction: "Replace it", old_string: "one", new_string: "two" },
    "file-change"
  ),
  calling("list_directory", { dir_path: "." }, "search"),
  calling("glob", { pattern: "*.txt" }, "search"),
  calling("grep_search", { pattern: "t.o" }, "search"),
  calling("web_fetch", { prompt: "Read http://127.0.0.1:9/" }, "fetch"),
  calling("google_web_search", { query: "walnut" }, "search"),
  calling("write_todos", { todos: [{ description: "one", status: "pending" }] }, "other"),
  calling("save_memory", { fact: "Walnuts are blue." }, "think"),
  calling("list_background_processes", {}, "read"),
  calling("read_background_output", { pid: 1 }, "read"),
  calling("activate_skill", { name: "skill-creator" }, "other"),
  calling("codebase_investigator", { objective: "say I looked" }, "think"),
  calling("generalist", { request: "say I looked" }, "think"),
  calling("cli_help", { question: "say I looked" }, "think"),
  calling("enter_plan_mode", { reason: "To plan" }, "none"),
  { name: "complete_task", uncalled: "a subagent ends with it" },
  { name: "get_internal_docs", uncalled: "only its subagent `cli_help` is offered it" }
]
