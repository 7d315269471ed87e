/**
 * One server at a time starts in a home: two that meet a fresh one both migrate its database (1.18.33), and may be started by
 * different hosts. The lock is SQLite's on an empty file, so the system frees it when its process ends, however it ends.
 *
 * In a home of ours the file lies in it. In the user's own home nothing of ours may lie: it is in a folder of this user's
 * among the temporary files, named by where OpenCode has its data. Hosts with different `TMPDIR` do not see each other's.
 */
import { Effect, FileSystem, Path, Schedule, Schema, type Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { hash } from "node:crypto"
import { homedir, tmpdir } from "node:os"
import { getuid } from "node:process"

type Files = FileSystem.FileSystem | Path.Path

/** In a home of ours, until the scope closes. A folder that cannot be locked is no reason not to start. */
export const take = (folder: string): Effect.Effect<void, never, Files | Scope.Scope> => lock(inHome(folder))

/** As {@link take}, in the user's own home: `variables` are those of the server. */
export const takeFor = (
  variables: Readonly<Record<string, unknown>>
): Effect.Effect<void, never, Files | Scope.Scope> => lock(besideHome(variables))

const inHome = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
  return (yield* Path.Path).join(yield* fs.realPath(folder), "starting.lock")
})

const besideHome = Effect.fnUntraced(function*(variables: Readonly<Record<string, unknown>>) {
  const path = yield* Path.Path
  const { HOME: home, XDG_DATA_HOME: data } = variables
  const shared = path.join(typeof home === "string" && home !== "" ? home : homedir(), ".local", "share")
  const found = yield* realPath(path.join(typeof data === "string" && data !== "" ? data : shared, "opencode"))
  return path.join(yield* ownFolder, `opencode-${hash("sha256", found).slice(0, 32)}.lock`)
})

/** A folder among the temporary files that this user alone can enter. It may be there already. */
const ownFolder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const uid = getuid?.()
  const folder = path.join(yield* fs.realPath(tmpdir()), `effect-coding-agents-${uid ?? "user"}`)
  yield* Effect.ignore(fs.makeDirectory(folder, { mode: 0o700 }))
  const { mode, type, uid: owner } = yield* fs.stat(folder)
  const isOwn = uid === undefined || (owner._tag === "Some" && owner.value === uid && (mode & 0o077) === 0)
  if (type !== "Directory" || !isOwn || (yield* fs.realPath(folder)) !== folder) {
    return yield* notLocked(`${folder} is not this user's own`)
  }
  return folder
})

/** Of what does not exist yet: in the real path of what does. */
const realPath = (file: string): Effect.Effect<string, never, Files> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const found = yield* Effect.option(fs.realPath(file))
    if (found._tag === "Some") return found.value
    const parent = path.dirname(file)
    return parent === file ? file : path.join(yield* realPath(parent), path.basename(file))
  })

const lock = (place: Effect.Effect<string, PlatformError | NotLocked, Files>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = yield* place
    // An agent can write into its home: never through a link of its.
    if ((yield* Effect.orElseSucceed(fs.realPath(file), () => file)) !== file) return yield* notLocked("a link")
    const { DatabaseSync } = yield* Effect.tryPromise(() => import("node:sqlite"))
    const database = yield* Effect.acquireRelease(
      Effect.try({ try: () => new DatabaseSync(file, { timeout: 0 }), catch: notLocked }),
      (database) => Effect.sync(() => database.close())
    )
    yield* Effect.try({ try: () => database.exec("BEGIN EXCLUSIVE"), catch: notLocked }).pipe(
      Effect.retry({ while: isBusy, schedule: Schedule.spaced("50 millis") }),
      Effect.timeout("1 minute")
    )
  }).pipe(Effect.catch((cause) => Effect.logWarning("OpenCode starts in a home that could not be locked", cause)))

class NotLocked extends Schema.TaggedError<NotLocked>("effect-coding-agents/opencode/NotLocked")("OpenCodeNotLocked", {
  cause: Schema.Defect()
}) {}

const notLocked = (cause: unknown) => new NotLocked({ cause })

/** `SQLITE_BUSY`: another connection, of any process, has it. */
const isBusy = ({ cause }: NotLocked): boolean =>
  typeof cause === "object" && cause !== null && "errcode" in cause && cause.errcode === 5
