/**
 * Folders for the files of one run of a hook, among the system's temporary files. One belongs to its run and is gone with
 * it; what a host that was killed has left is removed at the next start of one.
 *
 * The name says which process made it, so nothing has to be written before it counts as ours. Removed is only a folder of
 * this user's that no other can enter, whose process is over, and that holds nothing but files as a run writes them.
 */
import { Data, Effect, Option, type Scope } from "effect"
import { hash } from "node:crypto"
import { lstat, mkdtemp, readdir, rm, rmdir, unlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getuid } from "node:process"
import { errorCode } from "../../process/ErrorCode.ts"
import * as ProcessIdentity from "../../process/ProcessIdentity.ts"

/** A file of a run could not be written. */
export class RunFileNotWritten extends Data.TaggedError("RunFileNotWritten")<{ readonly code: string }> {}

export const io = <A>(run: () => Promise<A>): Effect.Effect<A, RunFileNotWritten> =>
  Effect.tryPromise({ try: run, catch: (error) => new RunFileNotWritten({ code: errorCode(error) ?? "EIO" }) })

const short = (text: string) => hash("sha256", text).slice(0, 12)

/** What a folder of this process is called, but for its random end. */
const prefixOf = ({ boot, host, pid, startTime }: ProcessIdentity.ProcessIdentity): string =>
  `eca-hook-${short(host)}-${short(boot)}-${pid}-${short(startTime)}-`

const named = /^eca-hook-(?<host>[0-9a-f]{12})-(?<boot>[0-9a-f]{12})-(?<pid>\d{1,10})-(?<start>[0-9a-f]{12})-\w{6}$/

/** The name of the file of this number in its run. */
export const fileName = (n: number, extension: string): string =>
  `${n}${/^\.[A-Za-z0-9]{1,16}$/.test(extension) ? extension : ""}`

const isFileName = (name: string) => /^\d+(?:\.[A-Za-z0-9]{1,16})?$/.test(name)

/** A folder that only this user can enter, until the Scope closes. */
export const make: Effect.Effect<string, RunFileNotWritten, Scope.Scope> = Effect.gen(function*() {
  const prefix = prefixOf(yield* ProcessIdentity.self)
  return yield* Effect.acquireRelease(
    io(() => mkdtemp(join(tmpdir(), prefix))),
    (made) => Effect.promise(() => rm(made, { recursive: true, force: true }))
  )
})

/** Whether the process that made the folder of this name is over. A process of another host cannot be looked at. */
const isLeft = Effect.fnUntraced(function*(name: string) {
  const made = named.exec(name)?.groups
  const here = yield* ProcessIdentity.here
  if (made === undefined || made["host"] !== short(here.host)) return false
  if (made["boot"] !== short(here.boot)) return true
  const started = yield* ProcessIdentity.startTime(Number(made["pid"]))
  return Option.isNone(started) || short(started.value) !== made["start"]
})

const remove = Effect.fnUntraced(function*(folder: string) {
  const { mode, uid } = yield* io(() => lstat(folder))
  // 0o040700: a directory, and no link to one, that no other user can enter.
  if (mode !== 0o040700 || (getuid !== undefined && uid !== getuid())) return
  const entries = yield* io(() => readdir(folder, { withFileTypes: true }))
  if (!entries.every((entry) => entry.isFile() && isFileName(entry.name))) return
  yield* Effect.forEach(entries, ({ name }) => io(() => unlink(join(folder, name))), { discard: true })
  yield* io(() => rmdir(folder))
})

/** Removes the folders of hosts that are over. What cannot be removed stays. */
export const sweep: Effect.Effect<void> = Effect.gen(function*() {
  const folders = (yield* io(() => readdir(tmpdir()))).filter((name) => named.test(name))
  yield* Effect.forEach(
    yield* Effect.filter(folders, isLeft),
    (name) => Effect.ignore(remove(join(tmpdir(), name))),
    { discard: true }
  )
}).pipe(Effect.ignore)
