/**
 * {@link AgentProcesses} in the store. A record is written when a process has been spawned and removed when its scope
 * has closed; what is still recorded when the store is opened outlived its host and is ended there.
 */
import { Effect, Option, type Scope } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { rm } from "node:fs/promises"
import type { AgentProcesses, ProcessRecord } from "../../process/AgentProcesses.ts"
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
    const recorded = yield* sql<{
      readonly marker: string
      readonly boot: string
      readonly pid: BigIntColumn
      readonly start_time: string
      readonly folder: string | null
    }>`SELECT marker, boot, pid, start_time, folder FROM eca_processes WHERE host = ${host}`
    const rows = recorded.filter((row) => row.boot === boot)
    if (rows.length > 0) {
      const ended = yield* ProcessTable.end(
        rows.map((row) => ({ pid: Number(row.pid), startTime: row.start_time, marker: row.marker }))
      )
      yield* Effect.logInfo("Ended agent processes that outlived their host").pipe(
        Effect.annotateLogs({ recorded: rows.length, ended })
      )
    }
    yield* Effect.forEach(recorded, ({ folder }) => folder === null ? Effect.void : remove(folder), { discard: true })
    yield* sql`DELETE FROM eca_processes WHERE host = ${host}`
  })

/** A store that cannot be written costs the record, not the agent: it is logged. */
export const make = (sql: SqlClient.SqlClient): AgentProcesses["Service"] => ({
  makeMarker: Effect.sync(() => randomUUID()),
  record: ({ folder, instanceId, marker, pid }: ProcessRecord): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.gen(function*() {
        const { boot, host } = yield* ProcessIdentity.here
        // Without a start time (it has ended already) only the marker finds what it left.
        const startTime = Option.getOrElse(yield* ProcessIdentity.startTime(pid), () => "")
        const row = { marker, instance_id: instanceId, host, boot, pid, start_time: startTime, folder: folder ?? null }
        yield* outsideTransaction(
          sql,
          "record an agent process",
          sql`INSERT INTO eca_processes ${sql.insert(row)}`
        ).pipe(
          Effect.ignore({ log: "Error", message: "An agent process could not be recorded" })
        )
        return startTime
      }),
      (startTime) =>
        ProcessTable.end([{ pid, startTime, marker }]).pipe(
          Effect.andThen(sql`DELETE FROM eca_processes WHERE marker = ${marker}`),
          Effect.ignore({ log: "Warn", message: "The record of an agent process could not be removed" })
        )
    )
})
