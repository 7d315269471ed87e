/**
 * Snapshots of whole conversations on one machine's disk: writing, finding, retention and removal.
 *
 * A snapshot is absent or complete. Its files are written first, then its manifest, then its row in the store. A crash
 * leaves unreferenced files, or a manifest without a row; the next {@link Snapshots.sweep} (and the next snapshot of
 * the thread) removes the former and adopts the latter.
 *
 * **Gotchas**
 *
 * - Snapshots of another store in the same folder are adopted, and retention is applied to them.
 * - A second snapshot of the same thread waits for the first.
 * - `maxBytes` counts segments, blobs and manifests, without the file system's overhead.
 */
import { Clock, Effect, FileSystem, Option, Path, Result } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import { knownSecrets, type Redactor } from "../../domain/Redaction.ts"
import type { SnapshotInfo, SnapshotRef } from "../../domain/Snapshot.ts"
import * as SnapshotManifest from "../../domain/SnapshotManifest.ts"
import type { AgentFiles } from "../../provider/ProviderAdapter.ts"
import { SnapshotIndex, type SnapshotRecord } from "../../store/SnapshotIndex.ts"
import type { StoreFailed } from "../../store/StoreError.ts"
import { type FindError, SnapshotNotWritten, SnapshotUnknown, type SnapshotUnreadable } from "../SnapshotError.ts"
import * as DurableFile from "./durableFile.ts"
import * as manifests from "./manifest.ts"
import * as NamedLocks from "./namedLocks.ts"
import * as SnapshotFolder from "./snapshotFolder.ts"
import * as SnapshotKeeping from "./snapshotKeeping.ts"
import * as SnapshotSweep from "./snapshotSweep.ts"
import * as SnapshotTidying from "./snapshotTidying.ts"
import * as SnapshotWrite from "./snapshotWrite.ts"

export interface SnapshotInput extends SnapshotWrite.Content, SnapshotKeeping.Keeping {
  /** Default: `knownSecrets`. */
  readonly redactor?: Redactor | undefined
  /** The machine of the folder, where it is an agent's. */
  readonly on?: AgentFiles | undefined
}

export interface SweepInput extends SnapshotKeeping.Keeping {
  readonly isLive: SnapshotKeeping.IsLive
  /** The machine of the folder, where it is not the service's. */
  readonly machine?: string | undefined
}

export interface Snapshots {
  /** Succeeds when the snapshot is on disk and in the store. Interrupted earlier, it is absent. */
  readonly write: (input: SnapshotInput) => Effect.Effect<SnapshotInfo, SnapshotNotWritten>
  readonly find: (ref: SnapshotRef) => Effect.Effect<SnapshotFolder.ManifestFile, FindError>
  readonly messages: (
    found: SnapshotFolder.ManifestFile
  ) => Effect.Effect<ReadonlyArray<SnapshotManifest.SavedMessage>, SnapshotFolder.ReadError>
  /** Attachments by their hashes. */
  readonly blobs: (
    found: SnapshotFolder.ManifestFile
  ) => Effect.Effect<ReadonlyMap<string, Uint8Array>, SnapshotFolder.ReadError>
  /** The store's list, newest first. */
  readonly list: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
  readonly record: (snapshotId: string) => Effect.Effect<Option.Option<SnapshotRecord>, StoreFailed>
  /** Removes snapshots and the files that only they use, whatever retention says. */
  readonly remove: (
    records: ReadonlyArray<SnapshotRecord>
  ) => Effect.Effect<void, SnapshotUnreadable | StoreFailed>
  /** For the start of an app: removes or adopts what a crash left, and removes expired snapshots. */
  readonly sweep: (input: SweepInput) => Effect.Effect<void, SnapshotUnreadable | StoreFailed>
}

/** A new id for a snapshot. */
export const newId: Effect.Effect<string> = Effect.sync(() => `snp_${crypto.randomUUID().replaceAll("-", "")}`)

const ignoreFile = ".gitignore"

export interface Shared {
  readonly locks: NamedLocks.NamedLocks
  readonly foreign: SnapshotSweep.Foreign
}

/** On the machine whose files are provided; the index has its rows alone. */
export const makeOn = Effect.fnUntraced(
  function*({ foreign, locks }: Shared): Effect.fn.Return<
    Snapshots,
    never,
    FileSystem.FileSystem | Path.Path | SnapshotIndex
  > {
    const context = yield* Effect.context<FileSystem.FileSystem | Path.Path | SnapshotIndex>()
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const index = yield* SnapshotIndex

    const { inDirectory, isTidiable, locked, removeAll, tidy, trim } = SnapshotTidying.make({
      context,
      foreign,
      index,
      locks,
      path
    })

    const record = (folder: string, input: SnapshotInput, snapshot: SnapshotInfo): SnapshotRecord => ({
      snapshot,
      threadId: input.threadId,
      epoch: input.epoch,
      provider: input.identity.provider,
      instanceId: input.identity.instanceId,
      sessionId: input.identity.sessionId,
      folder,
      createdAt: input.createdAt,
      ...(input.compactionId === undefined ? {} : { compactionId: input.compactionId }),
      diskBytes: snapshot.bytesWritten
    })

    /** The thread's last snapshot, if it is readable: most segments of the next one are there already. */
    const earlier = (directory: string, known: ReadonlyArray<SnapshotRecord>) => {
      const last = inDirectory(directory, known)[0]
      return Effect.fromNullishOr(last).pipe(
        Effect.flatMap(({ snapshot }) => SnapshotFolder.readManifest(snapshot.path)),
        Effect.map(({ manifest }) => manifest),
        Effect.orElseSucceed(() => undefined)
      )
    }

    /** In the folder itself only if it has nothing but snapshots: the folder may be a project. */
    const ignoreThemselves = Effect.fnUntraced(function*(folder: string, directory: string) {
      yield* DurableFile.makeDirectory(directory)
      const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), (): Array<string> => [""])
      const place = names.every((name) => SnapshotFolder.isOurs(name)) ? folder : directory
      if (yield* Effect.orElseSucceed(fs.exists(path.join(place, ignoreFile)), () => false)) return
      yield* DurableFile.write(place, ignoreFile, Buffer.from("*\n"))
      yield* DurableFile.sync(place)
    })

    const realFolder = (input: SnapshotInput) =>
      DurableFile.realFolder(path.resolve(input.identity.directory), path.resolve(input.folder)).pipe(
        Effect.mapError(notWritten(input)),
        Effect.provideContext(context)
      )

    const writeLocked = Effect.fnUntraced(function*(folder: string, directory: string, input: SnapshotInput) {
      const startedAt = yield* Clock.currentTimeMillis
      const { snapshotId } = input
      if (!SnapshotManifest.isId(snapshotId)) {
        return yield* new DurableFile.WriteFailed({
          code: "EINVAL",
          message: "The id has characters that a snapshot's id cannot have"
        })
      }
      yield* ignoreThemselves(folder, directory)
      if (yield* Effect.orElseSucceed(fs.exists(path.join(directory, `${snapshotId}.json`)), () => false)) {
        return yield* new DurableFile.WriteFailed({ code: "EEXIST", message: "A snapshot with this id exists" })
      }
      const known = yield* index.listByThread(input.threadId)
      const redactor = input.redactor ?? knownSecrets
      const saved = yield* SnapshotWrite.save(directory, redactor, input, yield* earlier(directory, known))
      const name = path.basename(saved.path)
      const snapshot = Effect.map(Clock.currentTimeMillis, (now): SnapshotInfo => ({
        snapshotId,
        path: saved.path,
        sha256: saved.manifest.sha256,
        timing: input.timing,
        completeness: saved.manifest.completeness,
        messages: saved.manifest.counts.messages,
        bytes: saved.manifest.bytes,
        bytesWritten: saved.bytesWritten,
        durationMillis: now - startedAt
      }))
      // Uninterruptible from manifest to row, or disk and store would disagree.
      const written = yield* Effect.uninterruptible(
        DurableFile.write(directory, name, Buffer.from(manifests.encode(saved.manifest))).pipe(
          Effect.andThen(DurableFile.sync(directory)),
          Effect.andThen(snapshot),
          Effect.tap((written) => index.add(record(folder, input, written))),
          Effect.onError(() => Effect.ignore(DurableFile.remove(directory, name)))
        )
      )
      yield* tidy(
        folder,
        directory,
        [record(folder, input, written), ...inDirectory(directory, known)],
        SnapshotKeeping.perThread(input, () => Effect.succeed(true))
      ).pipe(Effect.ignore({ log: "Warn", message: "Old snapshots could not be tidied away" }))
      return written
    })

    const notWritten = (input: SnapshotInput) => (error: DurableFile.WriteFailed | StoreFailed) =>
      new SnapshotNotWritten({
        failure: {
          snapshotId: input.snapshotId,
          code: error._tag === "StoreFailed" ? "STORE" : error.code,
          message: error.message
        }
      })

    return {
      write: Effect.fn("Snapshots.write")(function*(input: SnapshotInput) {
        const folder = yield* realFolder(input)
        const directory = path.join(folder, SnapshotFolder.threadName(input.threadId))
        const written = yield* locked(directory, writeLocked(folder, directory, input)).pipe(
          Effect.mapError(notWritten(input))
        )
        yield* trim(folder, input, () => Effect.succeed(true)).pipe(
          Effect.ignore({ log: "Warn", message: "Old snapshots could not be tidied away" })
        )
        return written
      }),

      find: Effect.fn("Snapshots.find")(function*(ref: SnapshotRef) {
        if ("path" in ref) {
          if (!(yield* Effect.orElseSucceed(fs.exists(ref.path), () => true))) {
            return yield* new SnapshotUnknown({ snapshot: ref.path })
          }
          return yield* SnapshotFolder.readManifest(path.resolve(ref.path))
        }
        const known = yield* index.get(ref.snapshotId)
        if (Option.isNone(known)) return yield* new SnapshotUnknown({ snapshot: ref.snapshotId })
        return yield* SnapshotFolder.readManifest(known.value.snapshot.path)
      }, Effect.provideContext(context)),

      messages: (found) => Effect.provideContext(SnapshotFolder.readMessages(found), context),
      blobs: (found) => Effect.provideContext(SnapshotFolder.readBlobs(found), context),
      list: index.listByThread,
      record: index.get,
      remove: Effect.fn("Snapshots.remove")(removeAll),

      sweep: Effect.fn("Snapshots.sweep")(function*(input: SweepInput) {
        const folder = path.resolve(input.folder)
        const names = yield* SnapshotSweep.directoriesIn(folder, foreign).pipe(
          Effect.provideContext(context),
          Effect.mapError(SnapshotTidying.unreadable(folder))
        )
        const records = Map.groupBy(yield* index.listByPlace({ folder }), ({ snapshot }) => path.dirname(snapshot.path))
        // A folder on a disk that is not mounted looks like this, too: keep its rows.
        if (names === undefined) return
        for (const directory of new Set([...names, ...records.keys()])) {
          const known = records.get(directory) ?? []
          if (!(yield* isTidiable(directory))) continue
          const result = yield* Effect.result(
            locked(
              directory,
              // The app of another store may be about to write the manifest that names them.
              tidy(folder, directory, known, SnapshotKeeping.perThread(input, input.isLive), "abandoned")
            )
          )
          if (Result.isSuccess(result)) continue
          if (result.failure._tag === "StoreFailed") return yield* result.failure
          yield* Effect.logWarning("A folder of snapshots could not be swept").pipe(
            Effect.annotateLogs({ directory, code: result.failure.code })
          )
        }
        yield* trim(folder, input, input.isLive)
      })
    }
  }
)

/** On the service's machine alone. */
export const make = Effect.flatMap(
  NamedLocks.make,
  (locks) => makeOn({ locks, foreign: SnapshotSweep.makeForeign() })
)
