/**
 * A change of a file as one hunk of a unified diff: what is the same at the beginning and at the end is left out, but
 * for three lines.
 */
import type { Diff } from "./ToolCall.ts"

const context = 3

export const patchOf = ({ after, before, path }: Diff): string => {
  const [old, next] = [linesOf(before ?? ""), linesOf(after)]
  let start = 0
  while (start < old.length && start < next.length && old[start] === next[start]) start++
  let end = 0
  while (end < old.length - start && end < next.length - start && old.at(-1 - end) === next.at(-1 - end)) end++
  const lead = old.slice(Math.max(0, start - context), start)
  const trail = old.slice(old.length - end, old.length - end + context)
  const removed = old.slice(start, old.length - end)
  const added = next.slice(start, next.length - end)
  const first = start - lead.length
  const range = (changed: ReadonlyArray<string>) => {
    const count = lead.length + changed.length + trail.length
    return `${count === 0 ? 0 : first + 1},${count}`
  }
  return [
    `--- ${before === undefined ? "/dev/null" : path}`,
    `+++ ${path}`,
    `@@ -${range(removed)} +${range(added)} @@`,
    ...lead.map((line) => ` ${line}`),
    ...removed.map((line) => `-${line}`),
    ...added.map((line) => `+${line}`),
    ...trail.map((line) => ` ${line}`),
    ""
  ].join("\n")
}

const linesOf = (text: string): ReadonlyArray<string> => {
  if (text === "") return []
  const lines = text.split("\n")
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines
}
