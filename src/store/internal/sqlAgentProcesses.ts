/**
 * {@link AgentProcesses} in the store. A record is written before a process is spawned, or a folder made, and removed when
 * its scope has closed; what is still recorded when the store is opened outlived its host and is ended there.
 */
import { Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { rm } from "node:fs/promises"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import * as ProcessIdentity from "../../process/ProcessIdentity.ts"
import * as ProcessTable from "../../process/ProcessTable.ts"
import type { BigIntColumn } from "./rows.ts"
import { outsideTransaction } from "./run.ts"

const remove = (folder: string) =>
  Effect.tryPromise(() => rm(folder, { recursive: true, force: true })).pipe(
    Effect.ignore({ log: "Warn", message: "The folder of a dead agent could not be removed" })
  )

/**
 * Ends what earlier owners of the store left running on this host, and removes the folders that were theirs alone.
 * Processes of another host stay recorded; those of an earlier boot are gone.
 */
export const endOrphans = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    const { boot, host } = yield* ProcessIdentity.here
    const processes = yield* sql<{
      readonly marker: string
      readonly pid: BigIntColumn
      readonly start_time: string
    }>`SELECT marker, pid, start_time FROM eca_processes WHERE host = ${host} AND boot = ${boot}`
    if (processes.length > 0) {
      const ended = yield* ProcessTable.end(
        processes.map(({ marker, pid, start_time }) => ({ pid: Number(pid), startTime: start_time, marker }))
      )
      yield* Effect.logInfo("Ended agent processes that outlived their host").pipe(
        Effect.annotateLogs({ recorded: processes.length, ended })
      )
    }
    const folders = yield* sql<{ readonly path: string }>`SELECT path FROM eca_folders WHERE host = ${host}`
    yield* Effect.forEach(folders, ({ path }) => remove(path), { discard: true })
    yield* sql`DELETE FROM eca_processes WHERE host = ${host}`
    yield* sql`DELETE FROM eca_folders WHERE host = ${host}`
  })

/** A store that cannot be written costs the record, not the agent: it is logged. */
export const make = (sql: SqlClient.SqlClient): AgentProcesses["Service"] => {
  const write = (what: string, statement: Effect.Effect<unknown, SqlError.SqlError>) =>
    outsideTransaction(sql, what, statement).pipe(
      Effect.ignore({ log: "Error", message: "What belongs to an agent could not be recorded" })
    )
  const forget = Effect.ignore({ log: "Warn", message: "What belonged to an agent is still recorded" })
  return {
    record: (instanceId) =>
      Effect.gen(function*() {
        const { boot, host } = yield* ProcessIdentity.here
        const marker = yield* Effect.sync(() => randomUUID())
        // Until it is spawned, and where it has ended before it is looked at, only the marker finds what is left of it.
        let target: ProcessTable.Target = { pid: 0, startTime: "", marker }
        const row = { marker, instance_id: instanceId, host, boot, pid: target.pid, start_time: target.startTime }
        yield* Effect.acquireRelease(
          write("record an agent process", sql`INSERT INTO eca_processes ${sql.insert(row)}`),
          () =>
            ProcessTable.end([target]).pipe(
              Effect.andThen(sql`DELETE FROM eca_processes WHERE marker = ${marker}`),
              forget
            )
        )
        return {
          marker,
          spawned: Effect.fnUntraced(function*(pid: number) {
            const startTime = Option.getOrElse(yield* ProcessIdentity.startTime(pid), () => "")
            target = { pid, startTime, marker }
            const noted = sql`UPDATE eca_processes SET pid = ${pid}, start_time = ${startTime} WHERE marker = ${marker}`
            yield* write("note the id of an agent process", noted)
          })
        }
      }),
    recordFolder: (path) =>
      Effect.flatMap(ProcessIdentity.here, ({ host }) =>
        Effect.acquireRelease(
          write("record a private folder", sql`INSERT INTO eca_folders ${sql.insert({ path, host })}`),
          () => forget(sql`DELETE FROM eca_folders WHERE path = ${path}`)
        ))
  }
}
