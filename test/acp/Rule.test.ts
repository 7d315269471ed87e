/** What a mode answers by itself, on real files. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import * as Rule from "../../src/acp/session/Rule.ts"

const call = (kind: string, ...paths: ReadonlyArray<string>) => ({
  toolCallId: "call",
  kind,
  locations: paths.map((path) => ({ path }))
})

describe("answers of a mode", () => {
  it.effect("P7 acp: auto-accept-edits allows changes of files inside the directory, by real paths, and asks for all else", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
      const directory = path.join(root, "project")
      yield* fs.makeDirectory(path.join(directory, "src"), { recursive: true })
      yield* fs.symlink(root, path.join(directory, "out"))
      yield* fs.symlink(path.join(root, "not-there"), path.join(directory, "dangling"))
      const answer = (kind: string, ...paths: ReadonlyArray<string>) =>
        Rule.byRule({ answer: "edits" }, directory, call(kind, ...paths))
      assert.isTrue(yield* answer("edit", "new.txt", path.join(directory, "src", "deep", "new.txt")))
      const asked = [
        answer("edit"),
        answer("execute", "new.txt"),
        answer("edit", "new.txt", path.join(root, "new.txt")),
        answer("edit", "../new.txt"),
        answer("edit", path.join("out", "new.txt")),
        answer("edit", "dangling"),
        answer("edit", path.join(".git", "hooks", "pre-commit")),
        answer("edit", ".")
      ]
      for (const one of asked) assert.isUndefined(yield* one)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.effect("P7 acp: full-access and read-only ask for nothing, approval-required for everything", () =>
    Effect.gen(function*() {
      const answers = yield* Effect.forEach(
        ["allow", "deny", "ask"] as const,
        (answer) => Rule.byRule({ answer }, "/", call("edit", "x"))
      )
      assert.deepStrictEqual(answers, [true, false, undefined])
    }).pipe(Effect.provide(NodeServices.layer)))
})
