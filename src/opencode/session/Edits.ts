/**
 * Which changes of files stay in the session's directory, by real paths: OpenCode looks at their names alone (1.18.33), and a
 * link may lead out. What decides what runs in a project counts as elsewhere.
 */
import { Effect, type FileSystem, Option, type Path, Schema } from "effect"
import * as Workspace from "../../adapter/Workspace.ts"
import type { PermissionRequest } from "../protocol/Frame.ts"

const guarded = new Set([".git", ".opencode", "opencode.json", "opencode.jsonc"])

const PatchedFile = Schema.Struct({ filePath: Schema.String, movePath: Schema.optional(Schema.NullOr(Schema.String)) })

/** `files` is what a patch is about; then `filepath` is their names, for people. */
const Change = Schema.decodeUnknownOption(
  Schema.Struct({
    filepath: Schema.optional(Schema.String),
    files: Schema.optional(Schema.Array(PatchedFile))
  })
)

const filesOf = ({ metadata }: PermissionRequest): ReadonlyArray<string> =>
  Option.match(Change(metadata), {
    onNone: () => [],
    onSome: ({ filepath, files }) =>
      files?.flatMap(({ filePath, movePath }) => movePath == null ? [filePath] : [filePath, movePath]) ??
        (filepath === undefined ? [] : [filepath])
  })

/** Whether the request is about a file elsewhere than in the directory, or does not say what it is about. */
export const leaveDirectory = (
  directory: string,
  request: PermissionRequest
): Effect.Effect<boolean, never, FileSystem.FileSystem | Path.Path> => {
  if (request.permission !== "edit") return Effect.succeed(false)
  const files = filesOf(request)
  return files.length === 0
    ? Effect.succeed(true)
    : Effect.map(
      Effect.forEach(files, (file) => Workspace.holds(directory, file, guarded)),
      (inside) => inside.includes(false)
    )
}
