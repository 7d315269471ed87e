/**
 * Attachments, found and checked before the agent hears of them: as a reference ({@link link}), or as bytes
 * ({@link read}).
 *
 * An agent may read a file that it is handed at once and without asking, outside of the session's directory too. So the
 * adapter decides what may be read: the real path must lie inside the directory unless the app allowed otherwise.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path, Stream } from "effect"
import { Base64 } from "effect/encoding"
import type { Attachment } from "../domain/TurnInput.ts"
import { AttachmentRefused } from "../provider/AdapterError.ts"

/**
 * An attached file or directory that exists, can be read, and may be read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Located {
  /** Real, absolute path. */
  readonly path: string
  /** The last part of the path. */
  readonly name: string
  /** `file:` URL. */
  readonly url: string
  readonly type: "File" | "Directory"
  /** As the app gave it, else by the file's extension. A file of an unknown kind is `text/plain`. */
  readonly mime: string
}

const mimes: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".pdf": "application/pdf"
}

/**
 * Finds an attached file. `directory` is the real path of the session's directory; a relative attachment is resolved
 * against it. Fails with `AttachmentRefused` and the reason: `missing`, `unreadable`, `outside-directory`, or
 * `unsupported` where it is neither a file nor a directory.
 *
 * @category getters
 * @since 0.1.0
 */
export const locate = Effect.fnUntraced(function*(
  attachment: Extract<Attachment, { readonly _tag: "File" }>,
  directory: string
): Effect.fn.Return<Located, AttachmentRefused, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const refused = (reason: AttachmentRefused["reason"]) => new AttachmentRefused({ name: attachment.path, reason })
  const file = yield* fs.realPath(path.resolve(directory, attachment.path)).pipe(
    Effect.mapError(({ reason }) => refused(reason._tag === "NotFound" ? "missing" : "unreadable"))
  )
  const inside = path.relative(directory, file)
  const isInside = inside !== ".." && !inside.startsWith(`..${path.sep}`) && !path.isAbsolute(inside)
  if (!isInside && attachment.allowOutside !== true) return yield* refused("outside-directory")
  const { type } = yield* fs.stat(file).pipe(Effect.mapError(() => refused("unreadable")))
  if (type !== "File" && type !== "Directory") return yield* refused("unsupported")
  yield* fs.access(file, { readable: true }).pipe(Effect.mapError(() => refused("unreadable")))
  const { href } = yield* Effect.orDie(path.toFileUrl(file))
  return {
    path: file,
    name: path.basename(file),
    url: href,
    type,
    mime: attachment.mime ??
      (type === "Directory" ? "application/x-directory" : mimes[path.extname(file).toLowerCase()] ?? "text/plain")
  }
})

/**
 * An attachment as a reference, for agents that take URLs: `file:` where it is a file or a directory, `data:` where it
 * came as data. Fails as {@link locate} does.
 *
 * @category getters
 * @since 0.1.0
 */
export const link = (
  attachment: Attachment,
  directory: string
): Effect.Effect<Pick<Located, "name" | "mime" | "url">, AttachmentRefused, FileSystem.FileSystem | Path.Path> =>
  attachment._tag === "Data"
    ? Effect.succeed({
      name: attachment.name,
      mime: attachment.mime,
      url: `data:${attachment.mime};base64,${attachment.base64}`
    })
    : locate(attachment, directory)

/**
 * An attachment as bytes, for agents that take the content itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Content {
  readonly name: string
  readonly mime: string
  readonly base64: string
}

/**
 * The content of an attachment. Fails as {@link locate} does, with `unsupported` for a directory, and with `too-large`
 * where it has more than `maxBytes`, by default 20 MB. No more than that is read.
 *
 * @category getters
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  attachment: Attachment,
  directory: string,
  { maxBytes = 20_000_000 }: { readonly maxBytes?: number | undefined } = {}
): Effect.fn.Return<Content, AttachmentRefused, FileSystem.FileSystem | Path.Path> {
  if (attachment._tag === "Data") {
    const { base64, mime, name } = attachment
    if (Buffer.byteLength(base64, "base64") > maxBytes) {
      return yield* new AttachmentRefused({ name, reason: "too-large" })
    }
    return { name, mime, base64 }
  }
  const refused = (reason: AttachmentRefused["reason"]) => new AttachmentRefused({ name: attachment.path, reason })
  const { mime, name, path, type } = yield* locate(attachment, directory)
  if (type !== "File") return yield* refused("unsupported")
  const parts = yield* (yield* FileSystem.FileSystem).stream(path, { bytesToRead: maxBytes + 1 }).pipe(
    Stream.runCollect,
    Effect.mapError(() => refused("unreadable"))
  )
  const bytes = Buffer.concat(parts)
  if (bytes.length > maxBytes) return yield* refused("too-large")
  return { name, mime, base64: Base64.encode(bytes) }
})

/**
 * Refuses every attachment, for agents that take none.
 *
 * @category guards
 * @since 0.1.0
 */
export const refuse = (attachments: ReadonlyArray<Attachment> | undefined): Effect.Effect<void, AttachmentRefused> => {
  const [first] = attachments ?? []
  return first === undefined
    ? Effect.void
    : new AttachmentRefused({ name: first._tag === "File" ? first.path : first.name, reason: "unsupported" })
}
