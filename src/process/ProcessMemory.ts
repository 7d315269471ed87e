/**
 * The memory of processes, by their groups: what an agent holds with the tools that it runs. On Linux, from `/proc`;
 * elsewhere it is not known.
 *
 * @since 0.1.0
 */
import { Effect, Option } from "effect"
import { readdir, readFile } from "node:fs/promises"
import * as ProcessIdentity from "./ProcessIdentity.ts"

/** `VmRSS:   1234 kB` of `/proc/<pid>/status`, in bytes. */
const resident = /^VmRSS:\s+(?<kilobytes>\d+) kB$/m

const residentOf = (pid: number): Effect.Effect<number> =>
  Effect.tryPromise(() => readFile(`/proc/${pid}/status`, "utf8")).pipe(
    Effect.map((text) => Number(resident.exec(text)?.groups?.["kilobytes"] ?? 0) * 1024),
    Effect.orElseSucceed(() => 0)
  )

/**
 * The resident bytes of each of these process groups; `undefined` where the system does not tell. Pages that processes share
 * count for each of them.
 *
 * @category getters
 * @since 0.1.0
 */
export const ofGroups = Effect.fnUntraced(function*(
  groups: ReadonlySet<number>
): Effect.fn.Return<ReadonlyMap<number, number> | undefined> {
  if (!ProcessIdentity.isLinux) return undefined
  if (groups.size === 0) return new Map()
  const names = yield* Effect.orElseSucceed(Effect.tryPromise(() => readdir("/proc")), () => [])
  const found = new Map<number, number>()
  yield* Effect.forEach(names.filter((name) => /^\d+$/.test(name)).map(Number), (pid) =>
    Effect.gen(function*() {
      const stat = Option.getOrUndefined(yield* ProcessIdentity.readStat(pid))
      if (stat === undefined || stat.ended || !groups.has(stat.group)) return
      const bytes = yield* residentOf(pid)
      found.set(stat.group, (found.get(stat.group) ?? 0) + bytes)
    }), { concurrency: 32, discard: true })
  return found
})
