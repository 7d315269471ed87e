/**
 * Processes that carry a variable with one of several values: what an agent's shell has left running. On Linux, from
 * `/proc`; elsewhere environments cannot be seen, and there are none.
 *
 * @since 0.1.0
 */
import { Effect, Option } from "effect"
import { readdir, readFile } from "node:fs/promises"
import * as ProcessIdentity from "./ProcessIdentity.ts"

/**
 * A process and what it was started with. A process has the id of no other for as long as `startTime` is the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface MarkedProcess {
  readonly pid: number
  readonly parent: number
  readonly startTime: string
  /** The words of its command line, with blanks between them. */
  readonly command: string
}

const words = (file: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.tryPromise(() => readFile(file, "utf8")).pipe(
    Effect.map((text) => text.split("\0").filter((word) => word !== "")),
    Effect.orElseSucceed(() => [])
  )

const read = Effect.fnUntraced(function*(pid: number, marks: ReadonlySet<string>) {
  const environment = yield* words(`/proc/${pid}/environ`)
  if (!environment.some((variable) => marks.has(variable))) return []
  const stat = Option.getOrUndefined(yield* ProcessIdentity.readStat(pid))
  if (stat === undefined || stat.ended) return []
  const { parent, startTime } = stat
  const command = (yield* words(`/proc/${pid}/cmdline`)).join(" ")
  const found: MarkedProcess = { pid, parent, startTime, command }
  return [found]
})

/**
 * Those that carry the variable, without those whose parent does.
 *
 * @category filtering
 * @since 0.1.0
 */
export const find = Effect.fnUntraced(function*(
  variable: string,
  values: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<MarkedProcess>> {
  if (!ProcessIdentity.isLinux) return []
  const marks = new Set(values.map((value) => `${variable}=${value}`))
  const names = yield* Effect.orElseSucceed(Effect.tryPromise(() => readdir("/proc")), () => [])
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const found = (yield* Effect.forEach(pids, (pid) => read(pid, marks), { concurrency: 32 })).flat()
  const carriers = new Set(found.map(({ pid }) => pid))
  return found.filter(({ parent }) => !carriers.has(parent))
})
