/**
 * Finds and ends processes that agents left behind, and only them.
 *
 * What belongs to an agent: the process with the recorded id AND start time, everything below it, and everything whose
 * environment carries the agent's marker. This process and the ones above it are never among them. Each process is
 * looked at again immediately before each signal, so an id that was reused in the meantime gets none.
 *
 * On Linux all of this is read from `/proc`. Elsewhere neither children nor environments can be seen: there only the
 * recorded process itself is ended.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Option, Schedule } from "effect"
import { readFileSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { markerVariable } from "./AgentProcesses.ts"
import * as ProcessIdentity from "./ProcessIdentity.ts"

/**
 * A process in the system's table. `marker` is also absent if the environment cannot be read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly pid: number
  readonly parent: number
  readonly startTime: string
  readonly marker: string | undefined
}

/**
 * An agent process to end, with all that it left behind. An empty start time matches no process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  readonly pid: number
  readonly startTime: string
  readonly marker: string
}

/**
 * The processes that belong to the targets. `self` is the calling process, which is never among them.
 *
 * @category filtering
 * @since 0.1.0
 */
export const select = (
  entries: ReadonlyArray<Entry>,
  targets: ReadonlyArray<Target>,
  self: number
): ReadonlyArray<Entry> => {
  const byPid = new Map(entries.map((entry) => [entry.pid, entry]))
  const children = new Map<number, Array<Entry>>()
  for (const entry of entries) {
    const siblings = children.get(entry.parent)
    if (siblings === undefined) children.set(entry.parent, [entry])
    else siblings.push(entry)
  }
  const spared = new Set<number>()
  for (let pid: number | undefined = self; pid !== undefined && !spared.has(pid); pid = byPid.get(pid)?.parent) {
    spared.add(pid)
  }
  const selected = new Map<number, Entry>()
  const take = (root: Entry) => {
    const queue = [root]
    for (const entry of queue) {
      if (spared.has(entry.pid) || selected.has(entry.pid)) continue
      selected.set(entry.pid, entry)
      queue.push(...(children.get(entry.pid) ?? []))
    }
  }
  const markers = new Set(targets.map((process) => process.marker))
  for (const { pid, startTime } of targets) {
    const entry = byPid.get(pid)
    if (entry !== undefined && entry.startTime === startTime) take(entry)
  }
  for (const entry of entries) if (entry.marker !== undefined && markers.has(entry.marker)) take(entry)
  return Array.from(selected.values())
}

/**
 * The marker in the content of `/proc/<pid>/environ`.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseMarker = (environ: string): string | undefined => {
  const prefix = `${markerVariable}=`
  return environ.split("\0").find((entry) => entry.startsWith(prefix))?.slice(prefix.length)
}

/** At once: the kernel has it in memory, and by way of the thread pool each takes five turns. */
const statOf = (pid: number) =>
  Effect.option(Effect.try(() => ProcessIdentity.parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"))))

const readEntry = Effect.fnUntraced(function*(pid: number, since: number) {
  const stat = Option.getOrUndefined(yield* statOf(pid))
  if (stat === undefined || stat.ended) return undefined
  const { parent, startTime } = stat
  if (Number(startTime) < since) return { pid, parent, startTime, marker: undefined }
  const environ = yield* Effect.option(Effect.tryPromise(() => readFile(`/proc/${pid}/environ`, "utf8")))
  const marker = Option.match(environ, { onNone: () => undefined, onSome: parseMarker })
  const entry: Entry = { pid, parent, startTime, marker }
  return entry
})

/** What an agent has handed its environment to is no older than the agent. Of one without a start time that is not known. */
const oldest = (targets: ReadonlyArray<Target>) =>
  Math.min(...targets.map(({ startTime }) => startTime === "" ? 0 : Number(startTime)))

const scan = Effect.fnUntraced(function*(targets: ReadonlyArray<Target>) {
  if (ProcessIdentity.isLinux) {
    const names = yield* Effect.tryPromise(() => readdir("/proc")).pipe(Effect.orElseSucceed(() => []))
    const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
    const since = oldest(targets)
    const entries = yield* Effect.forEach(pids, (pid) => readEntry(pid, since), { concurrency: 32 })
    return entries.filter((entry) => entry !== undefined)
  }
  const entries = yield* Effect.forEach(
    targets,
    ({ pid }) =>
      Effect.map(ProcessIdentity.startTime(pid), (started): ReadonlyArray<Entry> =>
        Option.match(started, {
          onNone: () => [],
          onSome: (startTime) => [{ pid, parent: 0, startTime, marker: undefined }]
        }))
  )
  return entries.flat()
})

const isSame = (entry: Entry) =>
  Effect.map(
    ProcessIdentity.startTime(entry.pid),
    (started) => Option.isSome(started) && started.value === entry.startTime
  )

/** No failure if the process has ended in the meantime, or belongs to another user. */
const signal = (name: NodeJS.Signals) => (entry: Entry) =>
  Effect.flatMap(
    isSame(entry),
    (same) => same ? Effect.ignore(Effect.try(() => process.kill(entry.pid, name))) : Effect.void
  )

const awaitGone = (entries: ReadonlyArray<Entry>, grace: Duration.Input) =>
  Effect.map(Effect.filter(entries, isSame, { concurrency: 32 }), (alive) => alive.length === 0).pipe(
    Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (gone: boolean) => gone }),
    Effect.timeoutOption(grace),
    Effect.asVoid
  )

/**
 * Ends the targets: SIGTERM, and SIGKILL for what is still there after `grace`, which is waited for as long again. Answers
 * how many processes there were.
 *
 * @category destructors
 * @since 0.1.0
 */
export const end = Effect.fn("ProcessTable.end")(function*(
  targets: ReadonlyArray<Target>,
  grace: Duration.Input = "2 seconds"
) {
  const find = Effect.map(scan(targets), (entries) => select(entries, targets, process.pid))
  const found = yield* find
  if (found.length === 0) return 0
  yield* Effect.forEach(found, signal("SIGTERM"), { discard: true })
  yield* awaitGone(found, grace)
  // Also what was started in the meantime, and children whose parent has gone.
  const later = yield* find
  const left = [...later, ...found.filter((entry) => !later.some(({ pid }) => pid === entry.pid))]
  yield* Effect.forEach(left, signal("SIGKILL"), { discard: true })
  yield* awaitGone(left, grace)
  return found.length
})
