/** What the hooks promise, judged by what they have left behind. Pure: the same findings give the same verdict. */
import type { Life, Moment } from "./Analytics.ts"
import { entry } from "./Greeter.ts"

export interface Findings {
  readonly lives: ReadonlyArray<Life>
  readonly resets: ReadonlyArray<Moment>
  readonly guestBook: ReadonlyArray<string>
  /** Scratch folders that the killed host left, and those of the end. */
  readonly scratch: { readonly afterKill: ReadonlyArray<string>; readonly atTheEnd: ReadonlyArray<string> }
}

export interface Promised {
  readonly promise: string
  readonly kept: boolean
  readonly found: string
}

const expected = "new to reset, reset to reaped, resume to host-crash, rehydrate to shutdown"

export const judge = ({ guestBook, lives, resets, scratch }: Findings): ReadonlyArray<Promised> => {
  const story = lives.map(({ began, ended }) => `${began} to ${ended ?? "?"}`).join(", ")
  const killed = lives.find(({ ended }) => ended === "host-crash")
  const missing = lives.flatMap((life) =>
    [entry("welcome", life), entry("goodbye", life)].filter((line) => !guestBook.includes(line))
  )
  return [
    { promise: "every life of a session has its start and its one end", kept: story === expected, found: story },
    {
      promise: "a reset is an end, the reset, and a start, with nothing between them",
      kept: resets.map(({ kind }) => kind).join() === "session:end,session:reset,session:start" &&
        resets.every(({ seq }, n) => seq === (resets[0]?.seq ?? 0) + n),
      found: resets.map(({ kind, seq }) => `${seq} ${kind}`).join(", ")
    },
    {
      promise: "the end that kill -9 took was told at the restart, with an estimated time",
      kept: killed?.estimated === 1 && killed.turns > 0,
      found: killed === undefined
        ? "no end by a crash"
        : `epoch ${killed.epoch}, ${killed.turns} turns, ${killed.estimated === 1 ? "estimated" : "as if it was seen"}`
    },
    {
      promise: "every life had a welcome and a goodbye",
      kept: lives.length > 0 && missing.length === 0,
      found: missing.length === 0 ? `${guestBook.length} lines` : `no ${missing.join(", no ")}`
    },
    {
      promise: "the killed host left a folder behind, and nothing is left now",
      kept: killed !== undefined && scratch.afterKill.join() === `${killed.sessionId}-${killed.epoch}` &&
        scratch.atTheEnd.length === 0,
      found: `${scratch.afterKill.join() || "none"}, then ${scratch.atTheEnd.join() || "none"}`
    }
  ]
}
