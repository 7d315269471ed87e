/**
 * Attachments as OpenCode takes them. It reads an attached file at once and without asking, also outside of the workspace,
 * and continues the turn where the file is missing (1.18.33). So each file is checked here first.
 */
import { Effect, type FileSystem, type Path } from "effect"
import * as Attachments from "../../adapter/Attachments.ts"
import type { Attachment } from "../../domain/TurnInput.ts"
import type { AttachmentRefused } from "../../provider/AdapterError.ts"
import type { PromptPart } from "../server/Calls.ts"

/** `directory` is a real path. */
export const toPart = (
  attachment: Attachment,
  directory: string
): Effect.Effect<PromptPart, AttachmentRefused, FileSystem.FileSystem | Path.Path> =>
  Effect.map(Attachments.link(attachment, directory), ({ mime, name, url }) => ({
    type: "file",
    mime,
    filename: name,
    url
  }))
