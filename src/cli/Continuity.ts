/** What a start did with the past, in a line. */
import type { Continuity } from "../domain/Continuity.ts"
import type { Output } from "./Output.ts"
import * as TerminalText from "./TerminalText.ts"

const whole = "the agent has the whole conversation."
const lostLine = "its session has lost turns, which the next prompt hands over."

export const continuityLine = (continuity: Continuity, paint: Output["Service"]["paint"]): string => {
  const lost = "lost" in continuity && continuity.lost !== undefined ? lostLine : ""
  switch (continuity._tag) {
    case "Created":
      return "A new conversation."
    case "Moved":
      return `Moved from ${TerminalText.line(continuity.from, 200)}; ${lost === "" ? whole : paint("yellow", lost)}`
    case "Returned": {
      const { items, omitted, turns } = continuity.missed
      const left = omitted === 0 ? "" : `; ${omitted} did not fit`
      return `Back in its own session, which the next prompt tells of the ${turns} turns that it missed (${items} items${left}).`
    }
    case "Rehydrated":
      return paint(
        "yellow",
        `A new session (${continuity.reason}) that was handed ${continuity.items} items of the conversation` +
          (continuity.omitted === 0 ? "." : `; ${continuity.omitted} did not fit.`)
      )
    case "Fresh":
      return paint("red", `The agent knows nothing of the conversation (${continuity.reason}).`)
    default:
      return `${continuity._tag}; ${lost === "" ? whole : paint("yellow", lost)}`
  }
}
