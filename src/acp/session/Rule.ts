/**
 * What a runtime mode itself answers to a permission request, without the user.
 */
import { Effect, type FileSystem, type Path } from "effect"
import * as Workspace from "../../adapter/Workspace.ts"
import type { Mode } from "../Profile.ts"
import { kindOf } from "../protocol/Request.ts"
import { pathsOf, type ToolCall } from "../protocol/ToolCall.ts"

/** `undefined` is for the user. */
export const byRule = (
  { answer }: Mode,
  directory: string,
  call: ToolCall
): Effect.Effect<boolean | undefined, never, FileSystem.FileSystem | Path.Path> => {
  switch (answer) {
    case "allow":
      return Effect.succeed(true)
    case "deny":
      return Effect.succeed(false)
    case "ask":
      return Effect.undefined
    case "edits": {
      const paths = kindOf(call.kind) === "file-change" ? pathsOf(call) : []
      return paths.length === 0
        ? Effect.undefined
        : Effect.map(
          Effect.forEach(paths, (path) => Workspace.wayTo(directory, path)),
          (ways) => ways.every((names) => names?.some(isGuarded) === false) ? true : undefined
        )
    }
  }
}

/** Folders of a project that decide what runs there: `.git`, and those of agents. */
const isGuarded = (name: string) => name.startsWith(".")
