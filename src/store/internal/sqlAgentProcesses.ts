/**
 * {@link AgentProcesses} in the store. A record is written before a process is spawned, or a folder made, and removed when
 * its scope has closed; what is still recorded when the store is opened outlived its host and is ended there. What is on
 * another machine is ended when something is recorded there for the first time: it is not known here how to get there
 * before.
 */
import { Effect, Option, Result, Semaphore } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import { HostFolders, HostProcesses } from "../../process/HostProcesses.ts"
import type * as ProcessTable from "../../process/ProcessTable.ts"
import type { BigIntColumn } from "./rows.ts"
import { outsideTransaction } from "./run.ts"

/** Those of an earlier boot are gone. What cannot be ended now stays recorded for the next opening of the store. */
const endProcesses = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  machine: HostProcesses
): Effect.fn.Return<void, SqlError.SqlError> {
  const { boot, host } = yield* machine.here
  const processes = yield* sql<{
    readonly marker: string
    readonly pid: BigIntColumn
    readonly start_time: string
  }>`SELECT marker, pid, start_time FROM eca_processes WHERE host = ${host} AND boot = ${boot}`
  if (processes.length > 0) {
    const ended = yield* Effect.result(machine.end(
      processes.map(({ marker, pid, start_time }) => ({ pid: Number(pid), startTime: start_time, marker }))
    ))
    if (Result.isFailure(ended)) {
      return yield* Effect.logWarning("Agent processes that outlived their host could not be ended", ended.failure)
        .pipe(
          Effect.annotateLogs({ recorded: processes.length, host })
        )
    }
    yield* Effect.logInfo("Ended agent processes that outlived their host").pipe(
      Effect.annotateLogs({ recorded: processes.length, ended: ended.success })
    )
  }
  yield* sql`DELETE FROM eca_processes WHERE host = ${host}`
})

const removeFolders = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  machine: HostFolders
): Effect.fn.Return<void, SqlError.SqlError> {
  const host = yield* machine.host
  const folders = yield* sql<{ readonly path: string }>`SELECT path FROM eca_folders WHERE host = ${host}`
  yield* Effect.forEach(
    folders,
    ({ path }) =>
      Effect.andThen(machine.remove(path), sql`DELETE FROM eca_folders WHERE path = ${path}`).pipe(
        Effect.ignore({ log: "Warn", message: "The folder of a dead agent could not be removed" })
      ),
    { discard: true }
  )
})

/** Runs the first effect of each name, to its end before another of that name returns. */
const firstOf = () => {
  const names = new Set<string>()
  const one = Semaphore.makeUnsafe(1)
  return <E>(name: string, effect: Effect.Effect<void, E>): Effect.Effect<void, E> =>
    one.withPermits(1)(Effect.suspend(() => {
      if (names.has(name)) return Effect.void
      names.add(name)
      return effect
    }))
}

/**
 * Ends what earlier owners of the store left running on this machine, and removes the folders that were theirs alone.
 * After that, a store that cannot be written costs the record, not the agent: it is logged.
 */
export const open = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient
): Effect.fn.Return<AgentProcesses["Service"], SqlError.SqlError> {
  const firstProcess = firstOf()
  const firstFolder = firstOf()
  const endOrphans = (machine: HostProcesses) =>
    Effect.flatMap(machine.here, ({ host }) => firstProcess(host, endProcesses(sql, machine)))
  const removeOrphans = (machine: HostFolders) =>
    Effect.flatMap(machine.host, (host) => firstFolder(host, removeFolders(sql, machine)))
  yield* endOrphans(yield* HostProcesses)
  yield* removeOrphans(yield* HostFolders)
  const write = (what: string, statement: Effect.Effect<unknown, SqlError.SqlError>) =>
    outsideTransaction(sql, what, statement).pipe(
      Effect.ignore({ log: "Error", message: "What belongs to an agent could not be recorded" })
    )
  const forget = Effect.ignore({ log: "Warn", message: "What belonged to an agent is still recorded" })
  const look = Effect.ignore({ log: "Error", message: "What dead agents left behind could not be looked for" })
  return {
    record: (instanceId) =>
      Effect.gen(function*() {
        const machine = yield* HostProcesses
        yield* look(endOrphans(machine))
        const { boot, host } = yield* machine.here
        const marker = yield* Effect.sync(() => randomUUID())
        // Until it is spawned, and where it has ended before it is looked at, only the marker finds what is left of it.
        let target: ProcessTable.Target = { pid: 0, startTime: "", marker }
        const row = { marker, instance_id: instanceId, host, boot, pid: target.pid, start_time: target.startTime }
        yield* Effect.acquireRelease(
          write("record an agent process", sql`INSERT INTO eca_processes ${sql.insert(row)}`),
          () =>
            Effect.suspend(() => machine.end([target])).pipe(
              Effect.andThen(sql`DELETE FROM eca_processes WHERE marker = ${marker}`),
              forget
            )
        )
        return {
          marker,
          spawned: Effect.fnUntraced(function*(pid: number) {
            const startTime = Option.getOrElse(yield* machine.startTime(pid), () => "")
            target = { pid, startTime, marker }
            const noted = sql`UPDATE eca_processes SET pid = ${pid}, start_time = ${startTime} WHERE marker = ${marker}`
            yield* write("note the id of an agent process", noted)
          })
        }
      }),
    recordFolder: (path) =>
      Effect.gen(function*() {
        const machine = yield* HostFolders
        yield* look(removeOrphans(machine))
        const host = yield* machine.host
        yield* Effect.acquireRelease(
          write("record a private folder", sql`INSERT INTO eca_folders ${sql.insert({ path, host })}`),
          () => forget(sql`DELETE FROM eca_folders WHERE path = ${path}`)
        )
      })
  }
})
