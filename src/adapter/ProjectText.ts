/**
 * Text of a working directory that is not trusted: read by the adapter, so that the agent need not read it (P17).
 *
 * A file counts if it is regular, at most {@link maxBytes} long, UTF-8 in so far as it matters, and lies inside of the
 * project by its real path. A link (`AGENTS.md -> ~/.ssh/id_rsa`) is not followed, wherever it is in the path. What stands
 * in a file is text and nothing else: an adapter expands no reference (`{file:...}`, `@path`, a URL) in it.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Option, Path } from "effect"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import * as RegularFile from "../process/RegularFile.ts"

/**
 * Longest file that is read, in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 256 * 1024

/**
 * A file that was found. `path` is absolute and real.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProjectFile {
  readonly path: string
  readonly text: string
}

/**
 * What was found under some names, and what is there but was not read: a link, a FIFO, a file that is too long.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProjectFiles {
  readonly files: ReadonlyArray<ProjectFile>
  /** Absolute paths. */
  readonly refused: ReadonlyArray<string>
}

/**
 * The directory and those above it, up to the root of its git work tree; the directory alone where there is none. Real
 * paths, the directory first.
 *
 * @category getters
 * @since 0.1.0
 */
export const directories = Effect.fnUntraced(function*(
  directory: string
): Effect.fn.Return<readonly [string, ...ReadonlyArray<string>], never, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const start = yield* Effect.orElseSucceed(fs.realPath(directory), () => path.resolve(directory))
  const above: Array<string> = []
  for (let at = start;; at = path.dirname(at)) {
    if (at !== start) above.push(at)
    if (yield* Effect.orElseSucceed(fs.exists(path.join(at, ".git")), () => false)) return [start, ...above]
    if (path.dirname(at) === at) return [start]
  }
})

/**
 * Reads the files of these names, relative to `directory`, that are there.
 *
 * @category getters
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  directory: string,
  names: ReadonlyArray<string>
): Effect.fn.Return<ProjectFiles, never, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* Effect.orElseSucceed(fs.realPath(directory), () => path.resolve(directory))
  const files: Array<ProjectFile> = []
  const refused: Array<string> = []
  for (const name of names) {
    const file = path.join(root, name)
    const folder = Option.getOrUndefined(yield* Effect.option(fs.realPath(path.dirname(file))))
    if (folder === undefined) continue
    if (folder !== path.dirname(file)) {
      // A link on the way, also one that leads back inside: no agent needs it, and it could change while we read.
      if (yield* Effect.orElseSucceed(fs.exists(file), () => true)) refused.push(file)
      continue
    }
    yield* RegularFile.read(file, maxBytes).pipe(
      Effect.match({
        onSuccess: (bytes) => void files.push({ path: file, text: new TextDecoder().decode(bytes) }),
        onFailure: ({ code }) => void (code === "ENOENT" || refused.push(file))
      })
    )
  }
  return { files, refused }
})

/**
 * What an adapter emits once, after the start of a session whose directory holds configuration that was left out. `ignored`
 * are file names, or parts of a file (`opencode.json (mcp)`); with none there is no event.
 *
 * @category constructors
 * @since 0.1.0
 */
export const warning = (ignored: ReadonlyArray<string>): ReadonlyArray<ProviderEvent> =>
  ignored.length === 0 ? [] : [{
    _tag: "Warning",
    code: "project-ignored",
    message: `The directory is not trusted, so this was left out: ${listed(ignored)}. ` +
      "To have it, start the session with projectConfig: \"trust\", or let the app's `trust` say so of the directory."
  }]

const shown = 20

const listed = (ignored: ReadonlyArray<string>): string =>
  ignored.length <= shown
    ? ignored.join(", ")
    : `${ignored.slice(0, shown).join(", ")} and ${ignored.length - shown} more`
