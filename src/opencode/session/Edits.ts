/**
 * Which changes of files stay in the session's directory, by real paths: OpenCode looks at their names alone (1.18.33), and a
 * link may lead out. What decides what runs in a project counts as elsewhere.
 */
import { Effect, type FileSystem, type Path } from "effect"
import * as Workspace from "../../adapter/Workspace.ts"
import type { PermissionRequest } from "../protocol/Frame.ts"
import * as Approvals from "../turn/Approvals.ts"

const guarded = new Set([".git", ".opencode", "opencode.json", "opencode.jsonc"])

/** Whether the request is about a file elsewhere than in the directory, or does not say what it is about. */
export const leaveDirectory = (
  directory: string,
  request: PermissionRequest
): Effect.Effect<boolean, never, FileSystem.FileSystem | Path.Path> => {
  if (request.permission !== "edit") return Effect.succeed(false)
  const files = Approvals.filesOf(request)
  return files.length === 0
    ? Effect.succeed(true)
    : Effect.map(
      Effect.forEach(files, (file) => Workspace.holds(directory, file, guarded)),
      (inside) => inside.includes(false)
    )
}
