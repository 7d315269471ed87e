/**
 * Whether a directory can be worked in, and its real path.
 */
import { Effect } from "effect"
import type { AgentFiles, ProviderAdapter } from "../provider/ProviderAdapter.ts"
import { DirectoryInvalid } from "../service/ServiceError.ts"

/** Looks on the machine of the agent; without one, or where it has none of its own, on `here`. */
export const make = (here: Pick<AgentFiles, "fileSystem" | "path">) =>
  Effect.fnUntraced(function*(directory: string, adapter?: Pick<ProviderAdapter, "host">) {
    const { fileSystem, path } = adapter?.host ?? here
    if (!path.isAbsolute(directory)) return yield* new DirectoryInvalid({ directory, reason: "not-absolute" })
    const info = yield* fileSystem.stat(directory).pipe(Effect.mapError((error) =>
      new DirectoryInvalid({
        directory,
        reason: error.reason._tag === "NotFound" ? "missing" : "unreadable"
      })
    ))
    if (info.type !== "Directory") return yield* new DirectoryInvalid({ directory, reason: "not-a-directory" })
    return yield* fileSystem.realPath(directory).pipe(
      Effect.mapError(() => new DirectoryInvalid({ directory, reason: "unreadable" }))
    )
  })
