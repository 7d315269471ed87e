/** Text of a directory that is not trusted: regular files inside of it, and nothing else. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { execFileSync } from "node:child_process"
import { ProjectText } from "../../src/adapter/index.ts"

/** A project with a secret beside it. */
const project = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "project-text-" }))
  const directory = path.join(root, "project")
  yield* fs.makeDirectory(path.join(directory, "below", "docs"), { recursive: true })
  yield* fs.writeFileString(path.join(root, "secret"), "secret")
  return { fs, path, root, directory }
}).pipe(Effect.orDie)

const texts = ({ files }: ProjectText.ProjectFiles) => files.map(({ text }) => text)

describe("ProjectText", () => {
  it.effect("P17 adapter: a regular file inside of the project is read, and what is not there is no matter", () =>
    Effect.gen(function*() {
      const { directory, fs, path } = yield* project
      yield* fs.writeFileString(path.join(directory, "below", "docs", "more.md"), "words")
      const found = yield* ProjectText.read(directory, ["AGENTS.md", "below/docs/more.md", "none/none.md"])
      assert.deepStrictEqual(found, {
        files: [{ path: path.join(directory, "below", "docs", "more.md"), text: "words" }],
        refused: []
      })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P17 adapter: links, links on the way, FIFOs, directories and long files are refused by name", () =>
    Effect.gen(function*() {
      const { directory, fs, path, root } = yield* project
      const at = (name: string) => path.join(directory, name)
      yield* fs.symlink(path.join(root, "secret"), at("linked.md"))
      yield* fs.symlink(root, at("away"))
      yield* fs.symlink(at("below"), at("inside"))
      yield* fs.writeFileString(at("below/docs/more.md"), "words")
      execFileSync("mkfifo", [at("fifo.md")])
      yield* fs.writeFileString(at("long.md"), "x".repeat(ProjectText.maxBytes + 1))
      const names = ["linked.md", "away/secret", "inside/docs/more.md", "fifo.md", "below", "long.md"]
      const found = yield* ProjectText.read(directory, names)
      assert.deepStrictEqual(found, { files: [], refused: names.map(at) })
      yield* fs.writeFileString(at("long.md"), "x".repeat(ProjectText.maxBytes))
      assert.strictEqual(texts(yield* ProjectText.read(directory, ["long.md"]))[0]?.length, ProjectText.maxBytes)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P17 adapter: the directories of a project end with the root of its work tree", () =>
    Effect.gen(function*() {
      const { directory, fs, path } = yield* project
      const docs = path.join(directory, "below", "docs")
      assert.deepStrictEqual(yield* ProjectText.directories(docs), [docs])
      yield* fs.writeFileString(path.join(directory, ".git"), "gitdir: elsewhere")
      assert.deepStrictEqual(yield* ProjectText.directories(docs), [docs, path.join(directory, "below"), directory])
      assert.deepStrictEqual(yield* ProjectText.directories(directory), [directory])
    }).pipe(Effect.provide(NodeServices.layer)))

  it("P17 adapter: what was left out is said once, in so many words as a person reads", () => {
    assert.deepStrictEqual(ProjectText.warning([]), [])
    const [event] = ProjectText.warning(Array.from({ length: 30 }, (_, n) => `file-${n}`))
    assert.strictEqual(event?._tag === "Warning" ? event.code : event, "project-ignored")
    assert.include(event?._tag === "Warning" ? event.message : "", "file-19 and 10 more. To have it, ")
  })
})
