/**
 * What the mock agent does for people who have no agent at hand, or write a front end: a word in the prompt says what they
 * want to see.
 */
import { Effect, Layer } from "effect"
import { MockProvider } from "../testing/MockProvider.ts"
import * as MockStep from "../testing/MockStep.ts"

const words = (text: string) => text.split(/(?<= )/)

const script: MockStep.MockScript = ({ history, prompt }) => {
  const has = (word: string) => prompt.toLowerCase().includes(word)
  const steps: Array<MockStep.MockStep> = []
  if (has("think")) steps.push(MockStep.reasoning(words("The user wants to see me think, so I do.")))
  if (has("plan")) {
    steps.push(MockStep.plan([
      { text: "Look around", status: "completed" },
      { text: "Change something", status: "in-progress" },
      { text: "Test it", status: "pending" }
    ]))
  }
  if (has("read")) steps.push(MockStep.tool("read", { kind: "file-read", toolKind: "read", output: "# Readme\n" }))
  if (has("run")) steps.push(MockStep.command("npm test", { prints: ["1 passed\n", "2 passed\n"] }))
  if (has("fail")) steps.push(MockStep.command("npm run lint", { output: "1 error\n", exitCode: 1 }))
  if (has("edit")) steps.push(MockStep.fileChange([{ path: "src/sum.ts", kind: "modify", patch: "-a - b\n+a + b\n" }]))
  if (has("ask")) {
    steps.push(MockStep.question([{ question: "Tabs or spaces?", options: [{ label: "tabs" }, { label: "spaces" }] }]))
  }
  if (has("compact")) steps.push(MockStep.compaction({ summary: "We have talked." }))
  if (has("wait")) steps.push(MockStep.text("I wait until you interrupt me."), MockStep.hang)
  if (has("crash")) steps.push(MockStep.crash)
  if (has("overflow")) steps.push(MockStep.fail({ _tag: "ContextOverflow" }))
  const said = `You said "${prompt}". I have ${history.length} messages before it. `
  return [
    ...steps,
    MockStep.text(words(`${said}Say think, plan, read, run, fail, edit, ask, compact, wait, crash or overflow.`)),
    MockStep.usage({ input: 100 + prompt.length, output: 40, costUsd: 0.001 })
  ]
}

/** Registers the mock as the instance `mock`. It forgets its sessions with its process; threads are handed their past. */
export const layer = Layer.effectDiscard(
  Effect.suspend(() => MockProvider.make({ script }))
)
