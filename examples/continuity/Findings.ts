/** Compares what the user has seen with what reached the model, and with what is on the disk. */
import { Effect } from "effect"
import { isTerminal, type ThreadEvent } from "../../src/index.ts"
import * as Agents from "./Agents.ts"
import * as Conversation from "./Conversation.ts"
import * as History from "./History.ts"
import type { Played } from "./Scenario.ts"
import type { Findings } from "./Verdict.ts"
import * as Workspace from "./Workspace.ts"

export const examine = Effect.fn("Findings.examine")(function*(
  { crash, followUps, seen }: Played,
  agent: Agents.Name,
  measure: History.Measure,
  workspace: Workspace.Workspace
) {
  const sessions = seen.flatMap((event) => event._tag === "SessionStarted" ? event.sessionId : [])
  const arrived = yield* measure.arrived(Array.from(new Set(sessions)))
  const found: Omit<Findings, "leftoverProcesses"> = {
    followUps: followUps.flatMap(({ after, since, step }) => {
      const session = seen.slice(since).find((event) => event._tag === "SessionStarted")
      if (session === undefined) return []
      const received = arrived(step.prompt)
      const expected = History.expected(seen, step.prompt)
      return {
        after,
        continuity: session.continuity._tag,
        expectedContinuity: Agents.continuityAfter(agent, after),
        directory: session.directory,
        historyMessages: received.messages,
        expectedHistoryMessages: expected.messages,
        questionsInOrder: JSON.stringify(received.questions) === JSON.stringify(expected.questions)
      }
    }),
    turns: Conversation.steps.map((step) => ({ ...turnOf(agent, seen, step), arrivals: arrived(step.prompt).times })),
    file: { expected: Workspace.after, found: yield* workspace.readFile },
    directory: { expected: workspace.worktree, found: outputOf(seen, "pwd") },
    crash
  }
  return found
})

const turnOf = (agent: Agents.Name, seen: ReadonlyArray<ThreadEvent>, step: Conversation.Step) => {
  const turnIds = new Set(
    seen.flatMap((event) => event._tag === "TurnStarted" && event.input.prompt === step.prompt ? event.turnId : [])
  )
  const events = seen.filter((event) => "turnId" in event && event.turnId !== undefined && turnIds.has(event.turnId))
  return {
    prompt: step.prompt,
    endings: events.filter(isTerminal).map((event) => event._tag),
    expectedEnding: step === Conversation.wait ? "TurnUnknown" : "TurnCompleted",
    approvals:
      events.filter((event) => event._tag === "ApprovalRequested" && !Conversation.reads(event.request)).length,
    needsApproval: Conversation.isAsked(agent, step)
  }
}

/** Alone, or as the argument of a shell. */
const isOf = (ran: string, command: string) => ran === command || ran.endsWith(` ${command}`)

const outputOf = (seen: ReadonlyArray<ThreadEvent>, command: string) =>
  seen.flatMap((event) =>
    event._tag === "ItemCompleted" && event.item._tag === "Command" && isOf(event.item.command, command)
      ? (event.item.output ?? "").trim()
      : []
  ).at(-1) ?? ""
