/** Kimi's own tools, and what a call of each comes as; docs/acp.md has the same table. */
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
  calling("Bash", { command: "echo one" }, "command"),
  calling("Write", (request) => ({ path: fileIn(request, "one.txt"), content: "one\n" }), "file-change"),
  calling("Read", (request) => ({ path: fileIn(request, "one.txt") }), "read"),
  calling(
    "Edit",
    (request) => ({ path: fileIn(request, "one.txt"), old_string: "one", new_string: "two" }),
    "file-change"
  ),
  calling("Glob", { pattern: "*.txt" }, "search", { _tag: "Search", query: "*.txt" }),
  calling("Grep", { pattern: "t.o" }, "search", { _tag: "Search", query: "t.o" }),
  calling("FetchURL", { url: "http://127.0.0.1:9/" }, "fetch", { _tag: "Fetch", url: "http://127.0.0.1:9/" }),
  calling("Agent", { description: "Look", prompt: "say I looked" }, "subagent", {
    _tag: "Subagent",
    task: "say I looked"
  }),
  calling(
    "AgentSwarm",
    { description: "Look", prompt_template: "say I looked at {{item}}", items: ["one", "two"] },
    "subagent"
  ),
  calling("AskUserQuestion", { questions: [question] }, "other"),
  calling("Skill", { skill: "none" }, "read"),
  calling("TodoList", { todos: [{ title: "one", status: "pending" }] }, "think"),
  calling("TaskList", {}, "other"),
  calling("TaskOutput", { task_id: "none" }, "other"),
  calling("TaskStop", { task_id: "none" }, "other"),
  calling("WaitFor", { timeout: 1 }, "other"),
  calling("CronCreate", { cron: "0 0 1 1 *", prompt: "say one", recurring: false }, "other"),
  calling("CronList", {}, "other"),
  calling("CronDelete", { id: "none" }, "other"),
  calling("GetGoal", {}, "other"),
  calling("SetGoalBudget", { value: 1, unit: "turns" }, "other"),
  calling("UpdateGoal", { status: "complete" }, "other"),
  calling("EnterPlanMode", {}, "other"),
  calling("ExitPlanMode", {}, "other"),
  // The last: prompts that come while it works towards a goal are not turns of their own.
  calling("CreateGoal", { objective: "One." }, "other")
]
