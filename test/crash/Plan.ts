/** When each host is killed and which agent it goes on with, all of it decided by one number. */
import type { Name } from "./Agents.ts"

/**
 * `start`: while it starts the agent (a swap, if another had the thread) and follows up. `send`: while it sends. `model`: the model was asked. `tool`: a
 * command runs that never ends by itself. `result`: the model has its result. `end`: the turn has just ended.
 */
export const points = ["start", "send", "model", "tool", "result", "end"] as const
export type Point = (typeof points)[number]

export interface Kill {
  readonly agent: Name
  readonly point: Point
  /** How long after the point, in milliseconds. */
  readonly after: number
}

const longest: Readonly<Record<Point, number>> = { start: 2500, send: 60, model: 60, tool: 100, result: 60, end: 40 }

/** Uniform in [0, 1); mulberry32. */
const random = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const oneOf = <A>(all: ReadonlyArray<A>, fraction: number): A => {
  const one = all[Math.floor(fraction * all.length)]
  if (one === undefined) throw new Error("there is none to choose from")
  return one
}

export const make = (cycles: number, seed: number, agents: ReadonlyArray<Name>): ReadonlyArray<Kill> => {
  const next = random(seed)
  return Array.from({ length: cycles }, () => {
    const point = oneOf(points, next())
    return { point, after: Math.floor(next() * longest[point]), agent: oneOf(agents, next()) }
  })
}
