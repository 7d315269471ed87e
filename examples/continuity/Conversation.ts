/**
 * What the user says, what the user allows the agent to do, and what the scripted model answers.
 *
 * The model is a script, but it makes nothing up: where it is asked what it remembers, it answers from the messages
 * that it was sent.
 */
import type { ApprovalDecision } from "../../src/index.ts"
import type { ApprovalRequest } from "../../src/protocol.ts"
import { ModelReply, type ModelRequest, ModelScript } from "../../src/testing/index.ts"
import { fileIn } from "../support/FileIn.ts"
import type { Name } from "./Agents.ts"
import { questionsIn, said, wordsOf } from "./History.ts"
import { after, before, file } from "./Workspace.ts"

export interface Step {
  readonly prompt: string
  /** The one thing that the user allows. */
  readonly allows?: { readonly kind: ApprovalRequest["kind"]; readonly subject: string }
}

export const look: Step = { prompt: `What does ${file} do? Read it first.` }

export const edit: Step = {
  prompt: `Edit ${file}: it should say "Good morning" instead of "Hello".`,
  allows: { kind: "file-change", subject: file }
}

export const run: Step = {
  prompt: `Run "node ${file}" and tell me what it prints.`,
  allows: { kind: "command", subject: `node ${file}` }
}

export const recall: Step = { prompt: "I am back from lunch. What was the first thing I asked you?" }

export const wait: Step = {
  prompt: "Run \"sleep 1; echo started; sleep 600\".",
  allows: { kind: "command", subject: "sleep 600" }
}

export const crash: Step = { prompt: "My computer crashed. What was the last thing I asked you?" }

export const where: Step = {
  prompt: "Run \"pwd\". Where are you now, and what was the first thing I asked you?",
  allows: { kind: "command", subject: "pwd" }
}

export const steps = [look, edit, run, recall, wait, crash, where]

/** Nothing is changed or run: some agents ask before they look at the file as well. */
export const reads = ({ kind, subject }: ApprovalRequest): boolean =>
  kind === "command" && subject.includes(`cat ${file}`)

/** Whether the agent asks first. Qwen runs a command that only reads unasked. */
export const isAsked = (agent: Name, step: Step): boolean =>
  step.allows !== undefined && !(agent === "qwen" && step === where)

/** The user allows what was asked for, this once, and nothing else. */
export const decide = (step: Step, request: ApprovalRequest): ApprovalDecision =>
  reads(request) || (step.allows?.kind === request.kind && request.subject.includes(step.allows.subject))
    ? { _tag: "AllowOnce" }
    : { _tag: "Deny", reason: "I did not ask for this." }

// --- the scripted model ---

type Hand = ModelReply.Reply | ((request: ModelRequest) => ModelReply.Reply)

/** How the model of an agent reads the file, edits it, and runs a command. */
interface Hands {
  readonly read: Hand
  readonly edit: Hand
  readonly run: (command: string) => ModelReply.Reply
}

const patch = `apply_patch <<'EOF'
*** Begin Patch
*** Update File: ${file}
@@
-${before.trim()}
+${after.trim()}
*** End Patch
EOF`

const execute = (cmd: string) => ModelReply.call("exec_command", { cmd })

const hands: Readonly<Record<Name, Hands>> = {
  opencode: {
    read: ModelReply.call("read", { filePath: file }),
    edit: ModelReply.call("edit", { filePath: file, oldString: "Hello", newString: "Good morning" }),
    run: (command) => ModelReply.call("bash", { command, description: "As asked", timeout: 900_000 })
  },
  codex: { read: execute(`cat ${file}`), edit: execute(patch), run: execute },
  claude: {
    read: ModelReply.call("Read", { file_path: file }),
    edit: ModelReply.call("Edit", { file_path: file, old_string: "Hello", new_string: "Good morning" }),
    run: (command) => ModelReply.call("Bash", { command, description: "As asked", timeout: 600_000 })
  },
  qwen: {
    read: (request) => ModelReply.call("read_file", { file_path: fileIn(request, file) }),
    edit: (request) =>
      ModelReply.call("edit", {
        file_path: fileIn(request, file),
        old_string: "Hello",
        new_string: "Good morning"
      }),
    run: (command) =>
      ModelReply.call("run_shell_command", {
        command,
        description: "As asked",
        is_background: false,
        timeout: 600_000
      })
  }
}

export const script = (agent: Name): ModelScript.ModelScript => {
  const known = answers(hands[agent])
  return (request) => {
    const [tool, answer] = known[wordsOf(request.lastUserText)] ??
      [undefined, () => "I was not told what to say to this."]
    if (tool === undefined || request.afterToolResult) return ModelReply.text(answer(request))
    return typeof tool === "function" ? tool(request) : tool
  }
}

const questions = (request: ModelRequest) => questionsIn(said(request))

const remembered = (request: ModelRequest) => said(request).length - (request.afterToolResult ? 3 : 1)

const answers = (
  { edit: change, read, run: execute }: Hands
): Readonly<Record<string, readonly [Hand | undefined, (request: ModelRequest) => string]>> => ({
  [look.prompt]: [read, () => "It greets the world: it prints \"Hello, world!\"."],
  [edit.prompt]: [change, () => "Done: it says \"Good morning\" now."],
  [run.prompt]: [execute(`node ${file}`), (request) => `It prints: ${request.lastToolResult?.trim()}`],
  [recall.prompt]: [
    undefined,
    (request) => `You asked: ${questions(request)[0]} I have ${remembered(request)} messages of our past before me.`
  ],
  [wait.prompt]: [execute("sleep 1; echo started; sleep 600"), () => "It is over."],
  [crash.prompt]: [
    undefined,
    (request) => `You asked: ${questions(request).at(-2)} I have ${remembered(request)} messages of our past before me.`
  ],
  [where.prompt]: [
    execute("pwd"),
    (request) =>
      `In ${request.lastToolResult?.trim()}, and you asked: ${questions(request)[0]} ` +
      `I have ${remembered(request)} messages of our past before me.`
  ]
})
