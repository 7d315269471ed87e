/** Which files are a directory's own, on real files. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import * as Workspace from "../../src/adapter/Workspace.ts"

describe("files of a directory", () => {
  it.effect("P7 a file belongs to a directory by real paths, and none does that lies in a guarded folder, or behind a link that leads to nothing", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
      const directory = path.join(root, "project")
      yield* fs.makeDirectory(path.join(directory, "src"), { recursive: true })
      yield* fs.symlink(root, path.join(directory, "out"))
      yield* fs.symlink("src", path.join(directory, "in"))
      yield* fs.symlink(path.join(root, "not-there"), path.join(directory, "dangling"))
      const held = Effect.fnUntraced(function*(file: string) {
        return yield* Workspace.holds(directory, file, new Set([".git"]))
      })
      for (const file of ["new", "src/deep/new", "in/new", path.join(directory, "new"), ".github/new"]) {
        assert.isTrue(yield* held(file), file)
      }
      const others = [
        "",
        ".",
        "..",
        "../new",
        path.join(root, "new"),
        "out/new",
        "dangling",
        "dangling/new",
        ".git/config",
        ".GIT/config",
        "src/.git/hooks/new"
      ]
      for (const file of others) assert.isFalse(yield* held(file), file)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
