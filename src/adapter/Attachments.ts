/**
 * Attached files, found and checked before the agent hears of them.
 *
 * An agent may read a file that it is handed at once and without asking, outside of the session's directory too. So the
 * adapter decides what may be read: the real path must lie inside the directory unless the app allowed otherwise.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path } from "effect"
import { pathToFileURL } from "node:url"
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
  return {
    path: file,
    name: path.basename(file),
    url: pathToFileURL(file).href,
    type,
    mime: attachment.mime ??
      (type === "Directory" ? "application/x-directory" : mimes[path.extname(file).toLowerCase()] ?? "text/plain")
  }
})

/**
 * An attachment that came as data, as a `data:` URL.
 *
 * @category getters
 * @since 0.1.0
 */
export const dataUrl = ({ base64, mime }: Extract<Attachment, { readonly _tag: "Data" }>): string =>
  `data:${mime};base64,${base64}`
