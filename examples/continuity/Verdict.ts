/** Which promises were kept, judged by what was measured. Pure: the same findings give the same verdict. */

export type Incident = "reaper" | "kill -9" | "move"

/** A question after something happened to the session. */
export interface FollowUp {
  readonly after: Incident
  /** What the library says became of the session, and what the agent can do at best. */
  readonly continuity: string
  readonly expectedContinuity: string
  readonly directory: string
  /** Messages of the past that came with the question. */
  readonly historyMessages: number
  /** Messages of the past that the app had seen. */
  readonly expectedHistoryMessages: number
  /** Whether the user's earlier questions were among them, all of them and in order. */
  readonly questionsInOrder: boolean
}

export interface Turn {
  readonly prompt: string
  /** The turn's terminal events. */
  readonly endings: ReadonlyArray<string>
  /** How often the question reached the model. */
  readonly arrivals: number
  /** What the agent asked to be allowed. */
  readonly approvals: number
  readonly expectedEnding: string
  /** Whether it does something that the user must allow first. */
  readonly needsApproval: boolean
}

export interface Findings {
  readonly followUps: ReadonlyArray<FollowUp>
  readonly turns: ReadonlyArray<Turn>
  readonly file: { readonly expected: string; readonly found: string }
  readonly directory: { readonly expected: string; readonly found: string }
  /** What a killed app had left running, and what was still running after its restart. */
  readonly crash: { readonly left: number; readonly afterRestart: number }
  /** Process ids that were alive after the end. */
  readonly leftoverProcesses: ReadonlyArray<number>
}

export interface Promised {
  readonly promise: string
  /** What was found instead; empty if the promise was kept. */
  readonly broken: ReadonlyArray<string>
}

export const judge = (found: Findings): ReadonlyArray<Promised> => [
  {
    promise: "every follow-up reached the whole conversation",
    broken: [
      ...(["reaper", "kill -9", "move"] as const)
        .filter((incident) => found.followUps.every(({ after }) => after !== incident))
        .map((incident) => `there was no follow-up after the ${incident}`),
      ...found.followUps.flatMap((followUp) => [
        ...(followUp.historyMessages === followUp.expectedHistoryMessages && followUp.historyMessages > 0 ? [] : [
          `after the ${followUp.after} ${followUp.historyMessages} messages of history came with it, ` +
          `not ${followUp.expectedHistoryMessages}`
        ]),
        ...(followUp.questionsInOrder ? [] : [`after the ${followUp.after} earlier questions were missing`])
      ])
    ]
  },
  {
    promise: "the library said what became of the session",
    broken: found.followUps
      .filter(({ continuity, expectedContinuity }) => continuity !== expectedContinuity)
      .map(({ after, continuity, expectedContinuity }) =>
        `after the ${after} it said ${continuity}, not ${expectedContinuity}`
      )
  },
  {
    promise: "every turn ended exactly once",
    broken: found.turns
      .filter(({ endings, expectedEnding }) => endings.length !== 1 || endings[0] !== expectedEnding)
      .map(({ endings, expectedEnding, prompt }) =>
        `${quote(prompt)} ended with ${endings.join(" and ") || "nothing"}, not with one ${expectedEnding}`
      )
  },
  {
    promise: "no question reached the model twice",
    broken: found.turns
      .filter(({ arrivals }) => arrivals !== 1)
      .map(({ arrivals, prompt }) => `${quote(prompt)} reached it ${arrivals} times`)
  },
  {
    promise: "the agent asked before it changed or ran anything, also after each restart",
    broken: found.turns
      .filter(({ approvals, needsApproval }) => needsApproval !== approvals > 0)
      .map(({ approvals, prompt }) => `at ${quote(prompt)} it asked ${approvals} times`)
  },
  {
    promise: "the file was edited",
    broken: found.file.found === found.file.expected ? [] : [`it holds ${quote(found.file.found)}`]
  },
  {
    promise: "the agent really moved",
    broken: found.directory.found === found.directory.expected
      ? []
      : [`pwd said ${quote(found.directory.found)}, not ${quote(found.directory.expected)}`]
  },
  {
    promise: "what the killed app left running was ended by its restart",
    broken: found.crash.afterRestart === 0 ? [] : [`${found.crash.afterRestart} processes were still running`]
  },
  {
    promise: "no process was left behind",
    broken: found.leftoverProcesses.length === 0 ? [] : [`still alive: ${found.leftoverProcesses.join(", ")}`]
  }
]

const quote = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)
