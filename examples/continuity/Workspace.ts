/** A git repository with one commit to work in, and a second worktree of it to move to. */
import { Effect, FileSystem, Path, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"

export class GitMissing extends Schema.TaggedError<GitMissing>()("GitMissing", {}) {
  override get message() {
    return "git was not found on the PATH; this example needs it for its workspace"
  }
}

export class GitFailed extends Schema.TaggedError<GitFailed>()("GitFailed", {
  command: Schema.String,
  output: Schema.String
}) {
  override get message() {
    return `git ${this.command} failed: ${this.output}`
  }
}

export const file = "greet.mjs"
export const before = "console.log(\"Hello, world!\")\n"
export const after = "console.log(\"Good morning, world!\")\n"

// The user's git settings (hooks, signing, templates) are theirs, and so is a repository this may be called from.
const environment = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined
}

const git = Effect.fnUntraced(function*(cwd: string, ...args: ReadonlyArray<string>) {
  const handle = yield* ChildProcess.make("git", args, { cwd, env: environment, extendEnv: true, stdin: "ignore" })
    .pipe(
      Effect.mapError((error) =>
        error.reason._tag === "NotFound"
          ? new GitMissing()
          : new GitFailed({ command: args.join(" "), output: error.message })
      )
    )
  const output = yield* Effect.orDie(Stream.mkString(Stream.decodeText(handle.all)))
  if ((yield* Effect.orDie(handle.exitCode)) !== 0) {
    return yield* new GitFailed({ command: args.join(" "), output: output.trim() })
  }
}, Effect.scoped)

export const make = Effect.fn("Workspace.make")(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const main = path.join(folder, "workspace")
  const worktree = path.join(folder, "worktree")
  yield* fs.makeDirectory(main)
  yield* fs.writeFileString(path.join(main, file), before)
  yield* git(main, "init", "--quiet")
  yield* git(main, "add", ".")
  const author = ["-c", "user.name=Continuity", "-c", "user.email=continuity@example.invalid"]
  yield* git(main, ...author, "commit", "--quiet", "--message", "A greeting")
  return {
    main,
    worktree,
    addWorktree: git(main, "worktree", "add", "--quiet", "-b", "elsewhere", worktree),
    readFile: fs.readFileString(path.join(main, file))
  }
})
export type Workspace = Effect.Success<ReturnType<typeof make>>
