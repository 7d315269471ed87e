/**
 * Attachments as OpenCode takes them. It reads an attached file at once and asks nobody, outside of the workspace as
 * well, and goes on with the turn where there is none (1.18.33). So what may be read is decided here.
 */
import { Effect, FileSystem, Path } from "effect"
import { pathToFileURL } from "node:url"
import type { Attachment } from "../../domain/TurnInput.ts"
import { AttachmentRefused } from "../../provider/AdapterError.ts"
import type { PromptPart } from "../server/Calls.ts"

const mimes: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".pdf": "application/pdf"
}

/** `directory` is a real path. */
export const toPart = Effect.fnUntraced(function*(
  attachment: Attachment,
  directory: string
): Effect.fn.Return<PromptPart, AttachmentRefused, FileSystem.FileSystem | Path.Path> {
  if (attachment._tag === "Data") {
    const { name, mime, base64 } = attachment
    return { type: "file", mime, filename: name, url: `data:${mime};base64,${base64}` }
  }
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
    type: "file",
    mime: attachment.mime ??
      (type === "Directory" ? "application/x-directory" : mimes[path.extname(file).toLowerCase()] ?? "text/plain"),
    filename: path.basename(file),
    url: pathToFileURL(file).href
  }
})
