/**
 * Manifests as files: sealed, encoded, decoded and checked.
 */
import { Effect, Predicate, Result, Schema } from "effect"
import { createHash } from "node:crypto"
import { SnapshotManifest, version } from "../../domain/SnapshotManifest.ts"
import { SnapshotCorrupt, SnapshotNewer } from "../SnapshotError.ts"

export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex")

/** Adds the hash. */
export const seal = (manifest: Omit<SnapshotManifest, "sha256">): SnapshotManifest => ({
  ...manifest,
  sha256: sha256(JSON.stringify(manifest))
})

export const encode = (manifest: SnapshotManifest): string => `${JSON.stringify(manifest)}\n`

const decodeFields = Schema.decodeUnknownOption(SnapshotManifest)

/** Reads the text of a manifest. */
export const decode = (
  path: string,
  text: string
): Effect.Effect<SnapshotManifest, SnapshotCorrupt | SnapshotNewer> => {
  const parsed = Result.getOrUndefined(Result.try((): unknown => JSON.parse(text)))
  if (!Predicate.isReadonlyObject(parsed)) return Effect.fail(new SnapshotCorrupt({ path, what: "manifest" }))
  const found = parsed["version"]
  if (typeof found === "number" && found > version) {
    return Effect.fail(new SnapshotNewer({ path, found, supported: version }))
  }
  const { sha256: sealed, ...rest } = parsed
  if (sealed !== sha256(JSON.stringify(rest))) return Effect.fail(new SnapshotCorrupt({ path, what: "manifest" }))
  return Effect.fromOption(decodeFields(parsed)).pipe(
    Effect.mapError(() => new SnapshotCorrupt({ path, what: "manifest" }))
  )
}

/** Hashes and sizes of all files of the manifest. */
export const files = (manifest: SnapshotManifest) => ({
  segments: new Map(manifest.segments.map(({ bytes, sha256 }) => [sha256, bytes])),
  blobs: new Map(manifest.attachments.map(({ bytes, sha256 }) => [sha256, bytes]))
})
