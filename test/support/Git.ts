/** Git repositories to work in, each a project of its own, with a second worktree; gone after the test. */
import { Effect, FileSystem, Path } from "effect"
import { execFile } from "node:child_process"

// The user's git settings (hooks, signing, templates) are theirs, and so is a repository this may be called from.
const { GIT_DIR: _dir, GIT_WORK_TREE: _tree, GIT_INDEX_FILE: _index, ...inherited } = process.env
const env = { ...inherited, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" }

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<void>((resume) => {
    execFile("git", args, { cwd, env }, (error) => resume(error === null ? Effect.void : Effect.die(error)))
  })

const author = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]

export const repository = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "opencode-git-" }).pipe(Effect.flatMap(fs.realPath))
  const main = path.join(folder, "main")
  const worktree = path.join(folder, "worktree")
  yield* fs.makeDirectory(main)
  yield* git(main, "init", "--quiet")
  // A project is known by the hash of its first commit, so no two may have the same.
  yield* git(main, ...author, "commit", "--quiet", "--allow-empty", "--message", folder)
  yield* git(main, "worktree", "add", "--quiet", "-b", "other", worktree)
  return { main, worktree }
})
