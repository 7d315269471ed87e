/**
 * What an agent learns from the file system: where a path really leads, and to which project it belongs.
 */
import { Effect, Result } from "effect"
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import { dirname, isAbsolute, join, relative, resolve } from "node:path"
import type { TurnInput } from "../../domain/TurnInput.ts"
import { AttachmentRefused } from "../../provider/AdapterError.ts"
import type { MockAgent } from "./MockAgent.ts"

/** Makes the files that this file of a project names, one a line: what runs in a directory that is trusted. */
export const touchAll = (directory: string, name: string): void => {
  const file = join(directory, name)
  if (!existsSync(file)) return
  for (const path of readFileSync(file, "utf8").split("\n")) if (path !== "") writeFileSync(path, "")
}

/** The real path; of a directory that is not there, the path itself: real agents take it as it is. */
export const realPath = (path: string): string =>
  Result.getOrElse(Result.try(() => realpathSync.native(path)), () => resolve(path))

/** The nearest directory above, or the directory itself, that holds a `.git`; all others are one project. */
export const projectOf = (directory: string): string => {
  if (existsSync(join(directory, ".git"))) return directory
  const parent = dirname(directory)
  return parent === directory ? "global" : projectOf(parent)
}

const isInside = (directory: string, path: string): boolean => {
  const way = relative(directory, path)
  return !isAbsolute(way) && way !== ".." && !way.startsWith("../")
}

/** Fails for the first attachment that cannot be sent. */
export const checkAttachments = (
  { capabilities }: MockAgent,
  directory: string,
  input: TurnInput
): Effect.Effect<void, AttachmentRefused> =>
  Effect.suspend(() => {
    for (const attachment of input.attachments ?? []) {
      const name = attachment._tag === "File" ? attachment.path : attachment.name
      if (!capabilities.attachments) return new AttachmentRefused({ name, reason: "unsupported" })
      if (attachment._tag === "Data") continue
      const path = resolve(directory, attachment.path)
      if (!existsSync(path)) return new AttachmentRefused({ name, reason: "missing" })
      if (attachment.allowOutside !== true && !isInside(directory, realPath(path))) {
        return new AttachmentRefused({ name, reason: "outside-directory" })
      }
    }
    return Effect.void
  })
