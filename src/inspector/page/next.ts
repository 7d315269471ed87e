/**
 * What happens to a thread if no one does anything: what the reaper will do, as the server says, in words.
 */
import type { ThreadInfo } from "../../service/Results.ts"
import { many } from "./figures.ts"

interface Next {
  readonly text: string
  /** In milliseconds since 1970. */
  readonly at?: number
  /** Said after the time. */
  readonly more?: string
}

const because = {
  starting: "A session is being started.",
  running: "A turn runs: its session is not stopped for being idle.",
  waiting: "The agent waits for an answer: its session is not stopped for being idle.",
  compacting: "The agent compacts its context: its session is not stopped for being idle."
} as const

const stops = {
  idle: "The reaper stops the idle session at about",
  "live-cap": "There are more live sessions than `reaper.maxLive`: the reaper stops this one at about"
} as const

export const nextOf = (
  { background, epoch, reaper, status }: Pick<ThreadInfo, "background" | "epoch" | "reaper" | "status">
): Next => {
  if (status === "stopped") {
    return {
      text: epoch === 0
        ? "No session yet: the first turn starts one."
        : "No session: the next turn starts one and goes on with the conversation."
    }
  }
  if (status !== "idle") return { text: because[status] }
  if (reaper === undefined) {
    return { text: "Idle. This server does not run the session, so it does not know when that is stopped." }
  }
  if (reaper._tag === "Keep") {
    return {
      text: reaper.because === "exempt"
        ? "The app has exempted this thread: its session is not stopped for being idle."
        : "The session is in use."
    }
  }
  return reaper.because === "pin-cap"
    ? {
      text: `In the background: ${many(background.length, "task")}. The session is kept for that, at most until`,
      at: reaper.at
    }
    : {
      text: stops[reaper.because],
      at: reaper.at,
      ...(reaper.givesWay ? { more: "Earlier, if another session needs its place." } : {})
    }
}
