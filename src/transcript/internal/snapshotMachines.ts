/**
 * Snapshots on the service's machine and on those of agents, each written and read by its own machine's files.
 *
 * The store's row says which machine a snapshot is on. Another machine is reached by an instance that works there; while
 * there is none, its snapshots stay listed, are `SnapshotUnreadable` (`OTHER_MACHINE`), and are not swept.
 */
import { Effect, FileSystem, Option, Path, type Scope } from "effect"
import type { InstanceId } from "../../domain/Ids.ts"
import * as RegularFile from "../../process/RegularFile.ts"
import type { AgentFiles } from "../../provider/ProviderAdapter.ts"
import { SnapshotIndex, type SnapshotRecord } from "../../store/SnapshotIndex.ts"
import { SnapshotUnknown, SnapshotUnreadable } from "../SnapshotError.ts"
import * as NamedLocks from "./namedLocks.ts"
import type { ManifestFile } from "./snapshotFolder.ts"
import * as Snapshots from "./snapshots.ts"
import * as SnapshotSweep from "./snapshotSweep.ts"

/** The files of the machine with this name, by the instance or another one that works there. None where none does. */
export type FilesOf = (
  machine: string,
  instanceId?: InstanceId
) => Effect.Effect<Option.Option<AgentFiles>, never, Scope.Scope>

/** The rows of one machine. */
const rowsOf = (index: SnapshotIndex["Service"], machine?: string): SnapshotIndex["Service"] => ({
  ...index,
  add: (record) => index.add(machine === undefined ? record : { ...record, snapshot: { ...record.snapshot, machine } }),
  listByThread: (threadId) =>
    Effect.map(
      index.listByThread(threadId),
      (records) => records.filter(({ snapshot }) => snapshot.machine === machine)
    ),
  listByPlace: ({ folder }) => index.listByPlace({ folder, machine }),
  totals: ({ folder }) => index.totals({ folder, machine })
})

const elsewhere = (path: string) => new SnapshotUnreadable({ path, code: "OTHER_MACHINE" })

export const make = Effect.fnUntraced(function*(filesOf: FilesOf): Effect.fn.Return<
  Snapshots.Snapshots,
  never,
  FileSystem.FileSystem | Path.Path | SnapshotIndex
> {
  const index = yield* SnapshotIndex
  const locks = yield* NamedLocks.make
  const foreign = SnapshotSweep.makeForeign()
  const here = yield* Snapshots.makeOn({ locks, foreign }).pipe(Effect.provideService(SnapshotIndex, rowsOf(index)))

  const there = (machine: string, { fileSystem, path }: AgentFiles) => {
    const named = (name: string) => JSON.stringify([machine, name])
    return Snapshots.makeOn({
      locks: (name, effect) => locks(named(name), effect),
      foreign: (file) => foreign(named(file))
    }).pipe(
      Effect.provideService(SnapshotIndex, rowsOf(index, machine)),
      Effect.provideService(FileSystem.FileSystem, fileSystem),
      Effect.provideService(Path.Path, path),
      Effect.provideService(RegularFile.Elsewhere, fileSystem)
    )
  }

  interface Subject {
    readonly machine?: string | undefined
    readonly instanceId: InstanceId
    readonly path: string
  }

  const onMachineOf = <A, E>(
    { instanceId, machine, path }: Subject,
    use: (snapshots: Snapshots.Snapshots) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | SnapshotUnreadable> =>
    machine === undefined ? use(here) : filesOf(machine, instanceId).pipe(
      Effect.flatMap(Effect.fromOption),
      Effect.mapError(() => elsewhere(path)),
      Effect.flatMap((files) => there(machine, files)),
      Effect.flatMap(use),
      Effect.scoped
    )

  const ofRecord = ({ instanceId, snapshot: { machine, path } }: SnapshotRecord): Subject => ({
    instanceId,
    machine,
    path
  })
  const ofFile = ({ machine, manifest: { instanceId }, path }: ManifestFile): Subject => ({ instanceId, machine, path })

  return {
    write: Effect.fnUntraced(function*(input) {
      const { on } = input
      if (on === undefined) return yield* here.write(input)
      const machine = yield* on.name
      const snapshots = yield* there(machine, on)
      return { ...(yield* snapshots.write(input)), machine }
    }),

    find: Effect.fnUntraced(function*(ref) {
      if ("path" in ref) return yield* here.find(ref)
      const record = Option.getOrUndefined(yield* index.get(ref.snapshotId))
      if (record === undefined) return yield* new SnapshotUnknown({ snapshot: ref.snapshotId })
      const { machine } = record.snapshot
      const found = yield* onMachineOf(ofRecord(record), (snapshots) => snapshots.find(ref))
      return machine === undefined ? found : { ...found, machine }
    }),

    messages: (found) => onMachineOf(ofFile(found), (snapshots) => snapshots.messages(found)),
    blobs: (found) => onMachineOf(ofFile(found), (snapshots) => snapshots.blobs(found)),
    list: index.listByThread,
    record: index.get,

    remove: (records) =>
      Effect.forEach(
        Map.groupBy(records, ({ snapshot }) => snapshot.machine).values(),
        ([first, ...rest]) =>
          first === undefined
            ? Effect.void
            : onMachineOf(ofRecord(first), (snapshots) => snapshots.remove([first, ...rest])),
        { discard: true }
      ),

    sweep: Effect.fnUntraced(function*(input) {
      const { machine } = input
      if (machine === undefined) return yield* here.sweep(input)
      const files = yield* filesOf(machine)
      if (Option.isNone(files)) return
      const snapshots = yield* there(machine, files.value)
      yield* snapshots.sweep(input)
    }, Effect.scoped)
  }
})
