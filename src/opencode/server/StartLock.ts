/**
 * One server at a time starts in a home: two that meet a fresh one both migrate its database (1.18.33), and may be started by
 * different hosts. The lock is SQLite's on an empty file in the home, so the system frees it when its process ends, however it
 * ends.
 */
import { Effect, FileSystem, Path, Schedule, Schema, type Scope } from "effect"

/** Held until the scope closes. A folder that cannot be locked is no reason not to start. */
export const take = (folder: string): Effect.Effect<void, never, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
    const home = yield* fs.realPath(folder)
    const file = path.join(home, name)
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

const name = "starting.lock"

class NotLocked extends Schema.TaggedError<NotLocked>("effect-coding-agents/opencode/NotLocked")("OpenCodeNotLocked", {
  cause: Schema.Defect()
}) {}

const notLocked = (cause: unknown) => new NotLocked({ cause })

/** `SQLITE_BUSY`: another connection, of any process, has it. */
const isBusy = ({ cause }: NotLocked): boolean =>
  typeof cause === "object" && cause !== null && "errcode" in cause && cause.errcode === 5
