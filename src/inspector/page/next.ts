/**
 * What happens to a thread if no one does anything: what the reaper will do, and when.
 */
import type { ThreadInfo } from "../../service/Results.ts"
import type { PageConfig } from "../PageConfig.ts"

interface Next {
  readonly text: string
  /** In milliseconds since 1970. */
  readonly at?: number
}

const because = {
  starting: "A session is being started.",
  running: "A turn runs: its session is not stopped for being idle.",
  waiting: "The agent waits for an answer: its session is not stopped for being idle.",
  compacting: "The agent compacts its context: its session is not stopped for being idle."
} as const

export const nextOf = (
  { activeAt, background, epoch, status }: Pick<ThreadInfo, "activeAt" | "background" | "epoch" | "status">,
  reaper: PageConfig["reaper"]
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
    return { text: "Idle. When it is stopped is not known here: give the page the app's `reaper` settings." }
  }
  const { idleAfter, pinCap } = reaper
  if (background.length > 0 && pinCap > idleAfter) {
    const work = background.length === 1 ? "1 task" : `${background.length} tasks`
    return { text: `${work} in the background keeps the session, at most until`, at: activeAt + pinCap }
  }
  return { text: "The reaper stops the idle session at about", at: activeAt + idleAfter }
}
