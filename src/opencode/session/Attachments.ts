/**
 * Attachments as OpenCode takes them. It reads an attached file at once and without asking, also outside of the workspace,
 * and continues the turn where the file is missing (1.18.33). So each file is checked here first.
 */
import { Effect, type FileSystem, type Path } from "effect"
import { Base64 } from "effect/encoding"
import * as Attachments from "../../adapter/Attachments.ts"
import type { Attachment } from "../../domain/TurnInput.ts"
import type { AttachmentRefused } from "../../provider/AdapterError.ts"
import type { CommandCall } from "../server/Calls.ts"

/** `directory` is a real path. */
export const toPart = (
  attachment: Attachment,
  directory: string
): Effect.Effect<CommandCall["parts"][number], AttachmentRefused, FileSystem.FileSystem | Path.Path> =>
  Effect.map(Attachments.link(attachment, directory), ({ mime, name, url }) => ({
    type: "file",
    mime,
    filename: name,
    url
  }))

/** Text beside a command, which takes files only: the model reads it as the content of a file. */
export const fromText = (text: string): CommandCall["parts"][number] => ({
  type: "file",
  mime: "text/plain",
  filename: "context.txt",
  url: `data:text/plain;base64,${Base64.encode(text)}`
})
