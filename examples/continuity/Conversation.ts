/**
 * What the user says, what the user allows the agent to do, and what the scripted model answers.
 *
 * The model is a script, but it makes nothing up: where it is asked what it remembers, it answers from the messages
 * that it was sent.
 */
import type { ApprovalDecision } from "../../src/index.ts"
import type { ApprovalRequest } from "../../src/protocol.ts"
import { ModelReply, type ModelRequest, ModelScript } from "../../src/testing/index.ts"
import { file } from "./Workspace.ts"

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
  prompt: "Run \"echo started; sleep 600\".",
  allows: { kind: "command", subject: "sleep 600" }
}

export const crash: Step = { prompt: "My computer crashed. What was the last thing I asked you?" }

export const where: Step = {
  prompt: "Run \"pwd\". Where are you now, and what was the first thing I asked you?",
  allows: { kind: "command", subject: "pwd" }
}

export const steps = [look, edit, run, recall, wait, crash, where]

/** The user allows what was asked for, this once, and nothing else. */
export const decide = (step: Step, request: ApprovalRequest): ApprovalDecision =>
  step.allows?.kind === request.kind && request.subject.includes(step.allows.subject)
    ? { _tag: "AllowOnce" }
    : { _tag: "Deny", reason: "I did not ask for this." }

// --- the scripted model ---

export const script: ModelScript.ModelScript = (request) => {
  const [tool, answer] = answers[request.lastUserText] ?? [undefined, () => "I was not told what to say to this."]
  return tool === undefined || request.afterToolResult ? ModelReply.text(answer(request)) : tool
}

const questions = (request: ModelRequest) =>
  request.messages.filter((message) => message.role === "user").map(({ text }) => text)

const remembered = (request: ModelRequest) =>
  request.messages.filter((message) => message.role !== "system").length - (request.afterToolResult ? 3 : 1)

const answers: Readonly<Record<string, readonly [ModelReply.Reply | undefined, (request: ModelRequest) => string]>> = {
  [look.prompt]: [
    ModelReply.call("read", { filePath: file }),
    () => "It greets the world: it prints \"Hello, world!\"."
  ],
  [edit.prompt]: [
    ModelReply.call("edit", { filePath: file, oldString: "Hello", newString: "Good morning" }),
    () => "Done: it says \"Good morning\" now."
  ],
  [run.prompt]: [
    ModelReply.call("bash", { command: `node ${file}`, description: "Runs the greeting" }),
    (request) => `It prints: ${request.lastToolResult?.trim()}`
  ],
  [recall.prompt]: [
    undefined,
    (request) => `You asked: ${questions(request)[0]} I have ${remembered(request)} messages of our past before me.`
  ],
  [wait.prompt]: [
    ModelReply.call("bash", { command: "echo started; sleep 600", description: "Waits", timeout: 900_000 }),
    () => "It is over."
  ],
  [crash.prompt]: [
    undefined,
    (request) => `You asked: ${questions(request).at(-2)} I have ${remembered(request)} messages of our past before me.`
  ],
  [where.prompt]: [
    ModelReply.call("bash", { command: "pwd", description: "Shows the working directory" }),
    (request) =>
      `In ${request.lastToolResult?.trim()}, and you asked: ${questions(request)[0]} ` +
      `I have ${remembered(request)} messages of our past before me.`
  ]
}
