/**
 * Which process a process id means. Ids are used again, so a process is named by its id AND its start time, on a host
 * and, where the system tells, in one boot of it: a process of an earlier boot is dead whatever its id.
 *
 * On Linux the start time is field 22 of `/proc/<pid>/stat` (clock ticks since boot), elsewhere what `ps -o lstart=`
 * prints. Start times are compared and never computed with.
 *
 * **Gotchas**
 *
 * A container gets a new host name each time it is made. Give it a fixed one ({@link HostName}) to let it take over
 * what its predecessor left behind.
 *
 * @since 0.1.0
 */
import { Context, Effect, Option } from "effect"
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { hostname } from "node:os"

/**
 * The name of this host. Default: the system's host name. Two machines, or two containers that run at the same time,
 * must never have the same.
 *
 * @category references
 * @since 0.1.0
 */
export const HostName = Context.Reference<string>("effect-coding-agents/ProcessIdentity/HostName", {
  defaultValue: () => hostname()
})

/**
 * The name of a process that no other process ever has.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessIdentity {
  readonly host: string
  /** Identifies the boot of the host; empty where the system does not tell. */
  readonly boot: string
  readonly pid: number
  readonly startTime: string
}

/**
 * The fields of `/proc/<pid>/stat` that are used here.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** Id of its process group: the process id of the group's leader. */
  readonly group: number
  readonly startTime: string
  /** It has exited, and its parent has not noticed yet (a zombie). */
  readonly ended: boolean
}

/**
 * Reads `/proc/<pid>/stat`; `undefined` if the text is anything else. The name in field 2 may itself hold spaces and
 * parentheses; the last `)` ends it.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseStat = (text: string): ProcessStat | undefined => {
  const open = text.indexOf("(")
  const close = text.lastIndexOf(")")
  if (open < 0 || close < open) return undefined
  const pid = text.slice(0, open).trim()
  const [state, parent, group, ...rest] = text.slice(close + 1).trim().split(/\s+/)
  const startTime = rest[16]
  if (state === undefined || parent === undefined || group === undefined || startTime === undefined) return undefined
  if (![pid, parent, group, startTime].every((field) => /^\d+$/.test(field))) return undefined
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    startTime,
    ended: state === "Z" || state === "X"
  }
}

/**
 * Reads the output of `ps -o lstart= -p <pid>`; `undefined` if there is no such process.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseStartTime = (text: string): string | undefined => {
  const line = text.trim().replace(/\s+/g, " ")
  return line === "" ? undefined : line
}

/**
 * Whether `/proc` can be read.
 *
 * @category constants
 * @since 0.1.0
 */
export const isLinux = process.platform === "linux"

const read = (path: string): Effect.Effect<Option.Option<string>> =>
  Effect.option(Effect.tryPromise(() => readFile(path, "utf8")))

/**
 * The process's `/proc/<pid>/stat`, on Linux. `None` if there is no such process.
 *
 * @category getters
 * @since 0.1.0
 */
export const readStat = (pid: number): Effect.Effect<Option.Option<ProcessStat>> =>
  Effect.map(
    read(`/proc/${pid}/stat`),
    Option.flatMap((text) => Option.fromUndefinedOr(parseStat(text)))
  )

const askPs = (pid: number): Effect.Effect<Option.Option<string>> =>
  Effect.callback((resume) => {
    const child = execFile(
      "ps",
      ["-o", "lstart=", "-p", String(pid)],
      { env: { ...process.env, LC_ALL: "C", TZ: "UTC" } },
      (error, stdout) =>
        resume(Effect.succeed(error === null ? Option.fromUndefinedOr(parseStartTime(stdout)) : Option.none()))
    )
    return Effect.sync(() => child.kill())
  })

/**
 * When the process started, as the system says it. `None` if it has ended.
 *
 * @category getters
 * @since 0.1.0
 */
export const startTime = (pid: number): Effect.Effect<Option.Option<string>> =>
  isLinux
    ? Effect.map(readStat(pid), (stat) =>
      Option.flatMap(stat, (stat) => stat.ended ? Option.none() : Option.some(stat.startTime)))
    : askPs(pid)

/**
 * This boot of this host.
 *
 * @category getters
 * @since 0.1.0
 */
export const here: Effect.Effect<Pick<ProcessIdentity, "host" | "boot">> = Effect.gen(function*() {
  const host = yield* HostName
  const boot = yield* read("/proc/sys/kernel/random/boot_id")
  return { host, boot: Option.getOrElse(boot, () => "").trim() }
})

/**
 * This process.
 *
 * @category getters
 * @since 0.1.0
 */
export const self: Effect.Effect<ProcessIdentity> = Effect.gen(function*() {
  const { boot, host } = yield* here
  const started = yield* startTime(process.pid)
  return { host, boot, pid: process.pid, startTime: Option.getOrElse(started, () => "") }
})

/**
 * Whether a process of this host still runs.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isRunning = Effect.fnUntraced(function*(identity: ProcessIdentity) {
  const { boot } = yield* here
  if (identity.boot !== boot) return false
  const started = yield* startTime(identity.pid)
  return Option.isSome(started) && started.value === identity.startTime
})
