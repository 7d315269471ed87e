/** Goose's own tools, and what a call of each comes as; docs/acp.md has the same table. */
import type { Tool } from "../../../src/testing/Conformance.ts"
import { calling } from "../../support/CalledTools.ts"

export const tools: ReadonlyArray<Tool> = [
  calling("shell", { command: "echo one" }, "command"),
  calling("write", { path: "one.txt", content: "one\n" }, "file-change"),
  calling("edit", { path: "one.txt", before: "one", after: "two" }, "file-change"),
  calling("tree", { path: "." }, "read"),
  calling("read_image", { source: "one.png" }, "read"),
  calling("analyze", { path: "one.txt" }, "read"),
  calling("load", { source: "none" }, "read"),
  calling("load_skill", { name: "none" }, "read"),
  calling("delegate", { instructions: "say I looked" }, "subagent", {
    _tag: "Subagent",
    task: "say I looked"
  }),
  calling("todo__todo_write", { content: "- [ ] one" }, "think"),
  calling("apps__list_apps", {}, "other"),
  calling("apps__create_app", { prd: "One." }, "other"),
  calling("apps__iterate_app", { name: "none", feedback: "One." }, "other"),
  calling("apps__delete_app", { name: "none" }, "other"),
  calling("extensionmanager__list_resources", {}, "other"),
  calling("extensionmanager__read_resource", { uri: "none://one", extension_name: "none" }, "other"),
  calling("extensionmanager__search_available_extensions", {}, "other"),
  calling("extensionmanager__manage_extensions", { action: "disable", extension_name: "none" }, "other"),
  { name: "create_app_content", uncalled: "only a call of the model inside of an app's tool is offered it" }
]
