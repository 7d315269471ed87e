/** Flags that several commands take. */
import { Flag } from "effect/cli"

/** A whole number of a range. */
export const within = (name: string, least: number, most: number) =>
  Flag.Int(name).pipe(Flag.filter((n) => n >= least && n <= most, () => `a number from ${least} to ${most}`))

export const port = within("port", 0, 65_535)
