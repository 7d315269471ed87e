/**
 * Attachments as OpenCode takes them. One of a type that the model's SDK does not know fails its turn and, since it stays
 * in the history, every later turn of the session (1.18.33): text of any type goes as `text/plain`, and what is neither text
 * nor an image, a PDF or a directory is refused.
 *
 * It reads an attached file at once and without asking, also outside of the workspace,
 * and continues the turn where the file is missing (1.18.33). So each file is checked here first.
 */
import { Effect, type FileSystem, type Path } from "effect"
import { Base64 } from "effect/encoding"
import * as Attachments from "../../adapter/Attachments.ts"
import type { Attachment } from "../../domain/TurnInput.ts"
import { AttachmentRefused } from "../../provider/AdapterError.ts"
import type { CommandCall } from "../server/Calls.ts"

/** `directory` is a real path. */
export const toPart = (
  attachment: Attachment,
  directory: string
): Effect.Effect<CommandCall["parts"][number], AttachmentRefused, FileSystem.FileSystem | Path.Path> =>
  Effect.flatMap(Attachments.link(attachment, directory), ({ mime, name, url }) => {
    const taken = takenAs(mime)
    return taken === undefined
      ? new AttachmentRefused({ name, reason: "unsupported" })
      : Effect.succeed({
        type: "file",
        mime: taken,
        filename: name,
        url: attachment._tag === "Data" ? `data:${taken};base64,${attachment.base64}` : url
      })
  })

/** The type that an attachment is sent with; nothing where it cannot be sent. */
const takenAs = (mime: string): string | undefined => {
  const type = mime.toLowerCase().split(";")[0]?.trim() ?? ""
  if (asTheyAre.has(type)) return type
  return type.startsWith("text/") || texts.has(type) || /\+(json|xml|yaml)$/.test(type) ? "text/plain" : undefined
}

const asTheyAre = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "application/pdf",
  "application/x-directory"
])

const texts = new Set([
  "application/json",
  "application/x-ndjson",
  "application/xml",
  "application/yaml",
  "application/x-yaml",
  "application/toml",
  "application/javascript",
  "application/typescript",
  "application/x-sh",
  "application/sql"
])

/** Text beside a command, which takes files only: the model reads it as the content of a file. */
export const fromText = (text: string): CommandCall["parts"][number] => ({
  type: "file",
  mime: "text/plain",
  filename: "context.txt",
  url: `data:text/plain;base64,${Base64.encode(text)}`
})
