/**
 * Tidies the directory of one thread: removes abandoned drafts, adds rows for manifests without one, removes rows
 * without a manifest, and removes the snapshots that a rule picks, with the files that only they use.
 *
 * A sweep of a whole folder spares what no manifest names for its first five minutes: another app that works in the same
 * folder may be writing the snapshot that it belongs to.
 *
 * While any manifest is unreadable (damaged, or of a newer release), no file that it could refer to is removed. Only
 * regular files are removed, and of these what a manifest named, what has the hash of its content as its name (a
 * snapshot whose manifest was not written), and drafts of ours. An entry that has the name of one of ours but is none
 * (a link, a FIFO, a directory, other content) is handed to `foreign` and stays.
 */
import { Effect, FileSystem, Path, Result } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { fileErrorCode } from "../../process/ErrorCode.ts"
import * as RegularFile from "../../process/RegularFile.ts"
import { SnapshotIndex, type SnapshotRecord } from "../../store/SnapshotIndex.ts"
import type { StoreFailed } from "../../store/StoreError.ts"
import * as DurableFile from "./durableFile.ts"
import * as manifests from "./manifest.ts"
import * as SnapshotFolder from "./snapshotFolder.ts"

type Files = FileSystem.FileSystem | Path.Path

/** A missing file or directory is fine. */
const absent = <A, R>(effect: Effect.Effect<A, PlatformError, R>) =>
  Effect.catchIf(effect, (error) => fileErrorCode(error) === "ENOENT", () => Effect.void)

/** Told of each foreign entry that is met. */
export type Foreign = (path: string) => Effect.Effect<void>

const noEntries: ReadonlyArray<string> = []

/** The names in a directory, without the abandoned drafts, which are removed. Undefined if there is no directory. */
const removeLeftovers = Effect.fnUntraced(function*(directory: string, foreign: Foreign) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* absent(fs.readDirectory(directory))
  for (const name of names?.filter(DurableFile.isTransient) ?? noEntries) {
    const file = path.join(directory, name)
    if (!(yield* DurableFile.isRegular(file))) yield* foreign(file)
    else if (yield* DurableFile.isLeftover(directory, name)) {
      yield* DurableFile.assertReal(directory)
      yield* fs.remove(file, { force: true })
    }
  }
  return names
})

/** The threads' directories in a folder; undefined if the folder does not exist. */
export const directoriesIn = Effect.fnUntraced(function*(folder: string, foreign: Foreign) {
  const path = yield* Path.Path
  yield* DurableFile.assertReal(folder)
  const names = yield* removeLeftovers(folder, foreign)
  return names?.filter(SnapshotFolder.isThreadName).map((name) => path.join(folder, name))
})

const adopted = (folder: string, { manifest, path }: SnapshotFolder.ManifestFile): SnapshotRecord => ({
  snapshot: {
    snapshotId: manifest.snapshotId,
    path,
    sha256: manifest.sha256,
    timing: manifest.timing,
    completeness: manifest.completeness,
    messages: manifest.counts.messages,
    bytes: manifest.bytes,
    bytesWritten: 0,
    durationMillis: 0
  },
  threadId: manifest.threadId,
  epoch: manifest.epoch,
  provider: manifest.provider,
  instanceId: manifest.instanceId,
  sessionId: manifest.sessionId,
  folder,
  createdAt: manifest.createdAt,
  ...(manifest.compactionId === undefined ? {} : { compactionId: manifest.compactionId }),
  diskBytes: 0
})

/** Bytes on disk that each snapshot adds to those before it. */
const shares = (oldestFirst: ReadonlyArray<SnapshotFolder.ManifestFile>): ReadonlyArray<number> => {
  const counted = new Set<string>()
  return oldestFirst.map(({ manifest }) => {
    const { blobs, segments } = manifests.files(manifest)
    let bytes = Buffer.byteLength(manifests.encode(manifest))
    for (const [sha256, size] of [...segments, ...blobs]) {
      if (counted.has(sha256)) continue
      counted.add(sha256)
      bytes += size
    }
    return bytes
  })
}

const contentPattern = /^([0-9a-f]{64})(?:\.jsonl)?$/

/** Whether the content has the hash that the file is named by, as every segment and blob of ours has. */
const isContent = (file: string, sha256: string) =>
  RegularFile.read(file, maxOrphanBytes).pipe(
    Effect.match({ onSuccess: (content) => manifests.sha256(content) === sha256, onFailure: () => false })
  )

/** More than any segment or attachment has. A larger file stays. */
const maxOrphanBytes = 512 * 1024 * 1024

export interface Tidying {
  readonly foreign: Foreign
  /** What goes of the files that no manifest names and none has named, and of the directories without a snapshot. */
  readonly orphans: "all" | "abandoned"
}

interface Places {
  /** Snapshots whose files stay. */
  readonly kept: ReadonlyArray<SnapshotFolder.ManifestFile>
  /** Snapshots that were just removed. */
  readonly gone: ReadonlyArray<SnapshotFolder.ManifestFile>
}

const namesOf = (found: ReadonlyArray<SnapshotFolder.ManifestFile>): ReadonlySet<string> => {
  const files = found.map(({ manifest }) => manifests.files(manifest))
  return new Set([
    ...files.flatMap(({ segments }) => Array.from(segments.keys(), SnapshotFolder.segmentName)),
    ...files.flatMap(({ blobs }) => Array.from(blobs.keys()))
  ])
}

const removeUnreferenced = Effect.fnUntraced(function*(
  directory: string,
  { gone, kept }: Places,
  { foreign, orphans }: Tidying
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { blobs, segments } = SnapshotFolder.layout(path, directory)
  const referenced = namesOf(kept)
  const removed = namesOf(gone)
  for (const place of [segments, blobs]) {
    if (!(yield* SnapshotFolder.isDirectory(place))) {
      if (yield* fs.exists(place)) yield* foreign(place)
      continue
    }
    for (const name of (yield* removeLeftovers(place, foreign)) ?? noEntries) {
      const [, sha256] = contentPattern.exec(name) ?? []
      if (sha256 === undefined || referenced.has(name)) continue
      const file = path.join(place, name)
      if (orphans === "abandoned" && !removed.has(name) && !(yield* DurableFile.isAbandoned(file))) continue
      const ours = (yield* DurableFile.isRegular(file)) && (removed.has(name) || (yield* isContent(file, sha256)))
      if (!ours) {
        yield* foreign(file)
        continue
      }
      yield* DurableFile.assertReal(place)
      yield* fs.remove(file, { force: true })
    }
  }
  if (kept.length > 0) return
  // Only empty directories: others may have files in them.
  for (const place of [segments, blobs, directory]) {
    if (orphans === "abandoned" && gone.length === 0 && !(yield* DurableFile.isAbandoned(place))) continue
    const left = (yield* absent(fs.readDirectory(place))) ?? [""]
    if (left.every((name) => name === ".gitignore")) {
      yield* DurableFile.assertReal(place)
      yield* fs.remove(place, { recursive: true, force: true })
    }
  }
})

/** `known` are the rows of the snapshots in the directory. The caller holds the directory's lock. */
export const thread = Effect.fnUntraced(function*(
  folder: string,
  directory: string,
  known: ReadonlyArray<SnapshotRecord>,
  rule: (records: ReadonlyArray<SnapshotRecord>) => Effect.Effect<ReadonlySet<string>, StoreFailed>,
  tidying: Tidying
): Effect.fn.Return<void, PlatformError | StoreFailed, Files | SnapshotIndex> {
  const { foreign } = tidying
  const path = yield* Path.Path
  const index = yield* SnapshotIndex
  const rows = new Map(known.map((record) => [record.snapshot.snapshotId, record]))
  yield* DurableFile.assertReal(directory)
  yield* removeLeftovers(directory, foreign)
  const entries = (yield* absent(SnapshotFolder.manifestsIn(directory))) ?? { read: [], foreign: [] }
  const whole: Array<readonly [SnapshotFolder.ManifestFile, SnapshotRecord]> = []
  /** Copied from elsewhere, or incomplete: not listed, and their files stay. */
  const others: Array<SnapshotFolder.ManifestFile> = []
  const unread = new Set<string>()
  const seen = new Set<string>()
  for (const file of entries.foreign) yield* foreign(file)
  for (const result of entries.read) {
    if (Result.isFailure(result)) {
      unread.add(path.basename(result.failure.path, ".json"))
      continue
    }
    const found = result.success
    const { snapshotId, threadId } = found.manifest
    seen.add(path.basename(found.path, ".json"))
    const row = rows.get(snapshotId)
    if (row !== undefined) whole.push([found, row])
    else if (
      found.path !== path.join(directory, `${snapshotId}.json`)
      || path.basename(directory) !== SnapshotFolder.threadName(threadId)
      || (yield* SnapshotFolder.missing(found)).length > 0
    ) others.push(found)
    else whole.push([found, adopted(folder, found)])
  }
  for (const [snapshotId] of rows) {
    if (!seen.has(snapshotId) && !unread.has(snapshotId)) yield* index.remove(snapshotId)
  }
  const gone = yield* rule(whole.map(([, record]) => record))
  for (const snapshotId of gone) {
    yield* DurableFile.remove(directory, `${snapshotId}.json`)
    yield* index.remove(snapshotId)
    unread.delete(snapshotId)
  }
  const kept = whole.filter(([, { snapshot }]) => !gone.has(snapshot.snapshotId)).toSorted(([, a], [, b]) =>
    a.createdAt - b.createdAt || (a.snapshot.snapshotId < b.snapshot.snapshotId ? -1 : 1)
  )
  const bytes = shares(kept.map(([found]) => found))
  for (const [n, [, record]] of kept.entries()) {
    const diskBytes = bytes[n] ?? 0
    if (diskBytes !== record.diskBytes || !rows.has(record.snapshot.snapshotId)) {
      yield* index.add({ ...record, diskBytes })
    }
  }
  if (unread.size > 0) return
  yield* removeUnreferenced(directory, {
    kept: [...kept.map(([found]) => found), ...others],
    gone: whole.filter(([, { snapshot }]) => gone.has(snapshot.snapshotId)).map(([found]) => found)
  }, tidying)
})

/** Of the entries that are reported. Later ones are skipped all the same. */
const maxReported = 1000

/** Reports an entry once: sweeps meet it again and again. */
export const makeForeign = (): Foreign => {
  const reported = new Set<string>()
  return (path) =>
    Effect.suspend(() => {
      if (reported.has(path) || reported.size >= maxReported) return Effect.void
      reported.add(path)
      return Effect.logWarning("An entry in a folder of snapshots is not ours, or leads elsewhere; it was skipped")
        .pipe(
          Effect.annotateLogs({ path })
        )
    })
}
