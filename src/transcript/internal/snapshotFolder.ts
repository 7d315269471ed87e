/**
 * The layout of a folder of snapshots, and reading from it.
 *
 * ```
 * <folder>/.gitignore                     "*"
 * <folder>/<thread>/<snapshot id>.json    a manifest
 * <folder>/<thread>/segments/<sha256>.jsonl
 * <folder>/<thread>/blobs/<sha256>
 * ```
 *
 * A thread's directory can be moved or copied as a whole, since nothing in it contains a path.
 */
import { Effect, FileSystem, Path, Schema } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import * as SnapshotManifest from "../../domain/SnapshotManifest.ts"
import * as RegularFile from "../../process/RegularFile.ts"
import { SnapshotCorrupt, type SnapshotNewer, SnapshotUnreadable } from "../SnapshotError.ts"
import * as DurableFile from "./durableFile.ts"
import * as manifests from "./manifest.ts"

/** Unique name of a thread's directory, with as much of the thread's id as file systems allow. */
export const threadName = (threadId: ThreadId): string => {
  const readable = threadId.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+/, "").slice(0, 40)
  return `${readable === "" ? "thread" : readable}-${manifests.sha256(threadId).slice(0, 16)}`
}

const threadPattern = /-[0-9a-f]{16}$/

/** Whether this can be the name of a thread's directory. */
export const isThreadName = (name: string): boolean => threadPattern.test(name)

/** Whether we make files or directories with this name in a folder of snapshots. */
export const isOurs = (name: string): boolean =>
  isThreadName(name) || name === ".gitignore" || DurableFile.isTransient(name)

export interface Layout {
  readonly directory: string
  readonly segments: string
  readonly blobs: string
  readonly manifest: (snapshotId: string) => string
}

export const layout = (path: Path.Path, directory: string): Layout => ({
  directory,
  segments: path.join(directory, "segments"),
  blobs: path.join(directory, "blobs"),
  manifest: (snapshotId) => path.join(directory, `${snapshotId}.json`)
})

export const segmentName = (sha256: string): string => `${sha256}.jsonl`

export type ReadError = SnapshotCorrupt | SnapshotNewer | SnapshotUnreadable

/** A manifest and its absolute path. */
export interface ManifestFile {
  /** Where it is not the service's. */
  readonly machine?: string
  readonly path: string
  readonly manifest: SnapshotManifest.SnapshotManifest
}

/** A manifest names every file, and holds the agent's own record of the session. */
const maxManifestBytes = 64 * 1024 * 1024

/** A missing file is damage, and so is what is not a regular file of the right size; a denied one is not. */
const damage: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "NOT_REGULAR", "TOO_LARGE"])

const read = (snapshot: string, file: string, maxBytes: number, what: string) =>
  RegularFile.read(file, maxBytes).pipe(
    Effect.mapError(({ code }) =>
      damage.has(code)
        ? new SnapshotCorrupt({ path: snapshot, what })
        : new SnapshotUnreadable({ path: snapshot, code })
    )
  )

/** Whether there is a directory, and no link to one. */
export const isDirectory = (directory: string): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.lstat(directory)),
    Effect.match({ onSuccess: ({ type }) => type === "Directory", onFailure: () => false })
  )

export const readManifest = Effect.fnUntraced(function*(
  file: string
): Effect.fn.Return<ManifestFile, ReadError> {
  const content = yield* read(file, file, maxManifestBytes, "manifest")
  return { path: file, manifest: yield* manifests.decode(file, new TextDecoder().decode(content)) }
})

/** Reads a file of a snapshot and checks its hash. */
const readContent = Effect.fnUntraced(function*(
  snapshot: string,
  file: string,
  { bytes, sha256 }: { readonly bytes: number; readonly sha256: string },
  what: string
) {
  const path = yield* Path.Path
  if (!(yield* isDirectory(path.dirname(file)))) return yield* new SnapshotCorrupt({ path: snapshot, what })
  const content = yield* read(snapshot, file, bytes, what)
  if (manifests.sha256(content) !== sha256) return yield* new SnapshotCorrupt({ path: snapshot, what })
  return content
})

const decodeLine = Schema.decodeUnknownOption(Schema.fromJsonString(SnapshotManifest.SavedMessage))

/** All messages of a snapshot; the hash of each file is checked. */
export const readMessages = Effect.fnUntraced(function*(
  { manifest, path: file }: ManifestFile
): Effect.fn.Return<
  ReadonlyArray<SnapshotManifest.SavedMessage>,
  ReadError,
  FileSystem.FileSystem | Path.Path
> {
  const path = yield* Path.Path
  const { segments } = layout(path, path.dirname(file))
  const read = yield* Effect.forEach(manifest.segments, (segment) => {
    const what = `segment ${segment.sha256}`
    return readContent(file, path.join(segments, segmentName(segment.sha256)), segment, what).pipe(
      Effect.flatMap((content) =>
        Effect.forEach(
          new TextDecoder().decode(content).split("\n").slice(0, -1),
          (line) =>
            Effect.fromOption(decodeLine(line)).pipe(
              Effect.mapError(() => new SnapshotCorrupt({ path: file, what }))
            )
        )
      )
    )
  })
  return read.flat()
})

/** All attachments of a snapshot by their hashes, which are checked. */
export const readBlobs = Effect.fnUntraced(function*(
  { manifest, path: file }: ManifestFile
): Effect.fn.Return<ReadonlyMap<string, Uint8Array>, ReadError, FileSystem.FileSystem | Path.Path> {
  const path = yield* Path.Path
  const { blobs } = layout(path, path.dirname(file))
  const read = yield* Effect.forEach(
    manifest.attachments,
    (attachment) =>
      Effect.map(
        readContent(file, path.join(blobs, attachment.sha256), attachment, `blob ${attachment.sha256}`),
        (content) => [attachment.sha256, content] as const
      )
  )
  return new Map(read)
})

/** Whether the file holds what its name says: others can write to it. */
export const holds = (
  file: string,
  { bytes, sha256 }: { readonly bytes: number; readonly sha256: string }
): Effect.Effect<boolean> =>
  RegularFile.read(file, bytes).pipe(
    Effect.match({ onSuccess: (content) => manifests.sha256(content) === sha256, onFailure: () => false })
  )

/** Whether the file exists with this size, and is no link to one. */
export const isThere = (file: string, bytes: number): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.lstat(file)),
    Effect.map(({ size, type }) => type === "File" && Number(size) === bytes),
    Effect.orElseSucceed(() => false)
  )

/** Files of a snapshot that are missing or have another size. */
export const missing = Effect.fnUntraced(function*({ manifest, path: file }: ManifestFile) {
  const path = yield* Path.Path
  const { blobs, segments } = layout(path, path.dirname(file))
  const needed = manifests.files(manifest)
  const files = [
    ...Array.from(needed.segments, ([sha256, bytes]) => [path.join(segments, segmentName(sha256)), bytes] as const),
    ...Array.from(needed.blobs, ([sha256, bytes]) => [path.join(blobs, sha256), bytes] as const)
  ]
  return yield* Effect.filter(files, ([file, bytes]) => Effect.map(isThere(file, bytes), (there) => !there))
})

/** The manifests in a thread's directory, or why one cannot be read, and entries that only have a manifest's name. */
export const manifestsIn = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const files = (yield* fs.readDirectory(directory)).filter((name) => isManifestName(name)).map((name) =>
    path.join(directory, name)
  )
  const own = yield* Effect.filter(files, DurableFile.isRegular)
  return {
    foreign: files.filter((file) => !own.includes(file)),
    read: yield* Effect.forEach(own, (file) => Effect.result(readManifest(file)))
  }
})

const isManifestName = (name: string): boolean =>
  name.endsWith(".json") && SnapshotManifest.isId(name.slice(0, -".json".length))
