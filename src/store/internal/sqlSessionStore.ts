/**
 * The SessionStore on a `SqlClient`, and what belongs to it.
 */
import { Effect, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Instrumentation } from "../../domain/Instrumentation.ts"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import type { HookOutbox } from "../HookOutbox.ts"
import type { SessionStore } from "../SessionStore.ts"
import type { SnapshotIndex } from "../SnapshotIndex.ts"
import { StoreFailed, type StoreNewer, type StoreOlder, type StoreOwned } from "../StoreError.ts"
import * as agentLoad from "./agentLoad.ts"
import * as crashSettlement from "./crashSettlement.ts"
import * as erasure from "./erasure.ts"
import * as instrumented from "./instrumented.ts"
import * as migrations from "./migrations.ts"
import * as owner from "./owner.ts"
import * as Positions from "./positions.ts"
import * as pruning from "./pruning.ts"
import * as sqlActivity from "./sqlActivity.ts"
import * as AgentProcessesSql from "./sqlAgentProcesses.ts"
import * as sqlFeed from "./sqlFeed.ts"
import * as StoreOutbox from "./sqlHookOutbox.ts"
import * as sqlImport from "./sqlImport.ts"
import * as sqlProjections from "./sqlProjections.ts"
import * as sqlReads from "./sqlReads.ts"
import * as sqlRetention from "./sqlRetention.ts"
import * as sqlSnapshotIndex from "./sqlSnapshotIndex.ts"
import * as sqlTurnReads from "./sqlTurnReads.ts"
import * as sqlWrites from "./sqlWrites.ts"

/** Opens the store until the scope closes: migrates, takes ownership, ends orphans, settles what a crash left open. */
export const make: Effect.Effect<
  {
    readonly store: SessionStore["Service"]
    readonly processes: AgentProcesses["Service"]
    readonly outbox: HookOutbox["Service"]
    readonly snapshots: SnapshotIndex["Service"]
  },
  StoreNewer | StoreOlder | StoreOwned | StoreFailed,
  SqlClient.SqlClient | Scope.Scope
> = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const instrumentation = yield* Instrumentation
  const opening = (operation: string) => Effect.mapError(StoreFailed.of(operation))
  yield* migrations.run
  yield* owner.acquire
  const processes = yield* AgentProcessesSql.open(sql).pipe(opening("end orphans"))
  const outbox = yield* StoreOutbox.load(sql).pipe(opening("read the hooks"))
  const positions = yield* Positions.open(sql).pipe(opening("read the last position"))
  yield* sqlImport.removeUnfinished(sql, positions).pipe(opening("delete unfinished imports"))
  yield* erasure.run(sql).pipe(opening("erase deleted threads"))
  yield* pruning.run(sql).pipe(opening("remove pruned events"))
  yield* crashSettlement.settleAll({ sql, positions, outbox, instrumentation }).pipe(opening("settle after a crash"))
  outbox.openedAt = outbox.ordinal
  return {
    store: {
      ...sqlReads.make(sql),
      ...sqlActivity.make(sql),
      ...sqlFeed.make(sql, positions),
      ...sqlProjections.make(sql),
      ...sqlTurnReads.make(sql),
      ...sqlRetention.make(sql),
      ...instrumented.make(sql, instrumentation, sqlWrites.make({ sql, positions, outbox, instrumentation }))
    },
    processes: instrumentation === undefined ? processes : yield* agentLoad.watched(processes, instrumentation),
    outbox: StoreOutbox.operations(sql, outbox),
    snapshots: sqlSnapshotIndex.make(sql)
  }
})
