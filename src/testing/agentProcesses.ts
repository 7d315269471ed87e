/**
 * What agents have left running, as the system's process table shows it.
 *
 * @since 0.1.0
 */
import { Effect, Option } from "effect"
import { readdir, readFile } from "node:fs/promises"
import { markerVariable } from "../process/AgentProcesses.ts"
import * as ProcessIdentity from "../process/ProcessIdentity.ts"

/**
 * A running process. `command` is its command line, with spaces between the arguments.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunningProcess {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/**
 * The running processes whose environment has this variable, with this value if one is given; processes hand their
 * environment down, so tools that outlived their agent are among them. This process never is, nor are those that have
 * ended and that their parent has not noticed yet. Default variable: the one that adapters mark their agents with, which
 * shows the agents of every app on this machine.
 *
 * To see only what a test started, start the agent with a variable of the test's own.
 *
 * Linux only: other systems do not show environments, and there it dies, because "none" would prove nothing.
 *
 * **Example**
 *
 * ```ts
 * const run = { variable: "MY_TEST", value: "42" }
 * const agent = OpenCode.layer({ env: { [run.variable]: run.value } })
 * const left = yield* agentProcesses(run)
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const agentProcesses = Effect.fn("agentProcesses")(function*(
  options: { readonly variable?: string | undefined; readonly value?: string | undefined } = {}
): Effect.fn.Return<ReadonlyArray<RunningProcess>> {
  if (!ProcessIdentity.isLinux) {
    return yield* Effect.die(new Error("Processes carry no visible marker on this system; /proc is needed"))
  }
  const start = `${options.variable ?? markerVariable}=`
  const marked = (entry: string) =>
    options.value === undefined ? entry.startsWith(start) : entry === start + options.value
  const names = yield* Effect.orElseSucceed(Effect.tryPromise(() => readdir("/proc")), () => [])
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== process.pid)
  const found = yield* Effect.forEach(pids, (pid) => look(pid, marked), { concurrency: 16 })
  return found.flat()
})

const look = Effect.fnUntraced(function*(pid: number, marked: (entry: string) => boolean) {
  if (!(yield* read(pid, "environ")).split("\0").some(marked)) return []
  const stat = Option.getOrUndefined(yield* ProcessIdentity.readStat(pid))
  if (stat === undefined || stat.ended) return []
  const command = (yield* read(pid, "cmdline")).replaceAll("\0", " ").trim()
  return [{ pid, parent: stat.parent, command }]
})

/** Empty where the process is gone, or is another user's. */
const read = (pid: number, name: string) =>
  Effect.orElseSucceed(Effect.tryPromise(() => readFile(`/proc/${pid}/${name}`, "utf8")), () => "")
