import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, type Path, type Scope } from "effect"
import { Attachments } from "../../src/adapter/index.ts"

const run = <A, E>(test: Effect.Effect<A, E, FileSystem.FileSystem | Path.Path | Scope.Scope>) =>
  test.pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const data = { _tag: "Data", name: "dot.png", mime: "image/png", base64: "AAEC" } as const

const directory = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
  yield* fs.writeFile(`${folder}/dot.png`, Uint8Array.of(0, 1, 2))
  return folder
})

it.effect("adapter: an attachment is a reference or bytes, as the agent takes it, whether it came as a file or as data", () =>
  run(Effect.gen(function*() {
    const folder = yield* directory
    const file = { _tag: "File", path: "dot.png" } as const
    assert.deepInclude(yield* Attachments.link(file, folder), {
      name: "dot.png",
      mime: "image/png",
      url: `file://${folder}/dot.png`
    })
    assert.deepStrictEqual(yield* Attachments.link(data, folder), {
      name: "dot.png",
      mime: "image/png",
      url: "data:image/png;base64,AAEC"
    })
    for (const attachment of [file, data]) {
      assert.deepStrictEqual(yield* Attachments.read(attachment, folder, { maxBytes: 3 }), {
        name: "dot.png",
        mime: "image/png",
        base64: "AAEC"
      })
      const large = yield* Effect.flip(Attachments.read(attachment, folder, { maxBytes: 2 }))
      assert.deepInclude(large, { _tag: "AttachmentRefused", name: "dot.png", reason: "too-large" })
    }
  })))

it.effect("P7 adapter: what may not be read, or is no file, is refused before a byte of it is read", () =>
  run(Effect.gen(function*() {
    const folder = yield* directory
    const reasons = yield* Effect.forEach(
      ["/etc/hostname", "none", "."],
      (path) => Effect.map(Effect.flip(Attachments.read({ _tag: "File", path }, folder)), ({ reason }) => reason)
    )
    assert.deepStrictEqual(reasons, ["outside-directory", "missing", "unsupported"])
  })))

it.effect("adapter: an agent that takes no attachments refuses the first by its name", () =>
  Effect.gen(function*() {
    yield* Attachments.refuse(undefined)
    yield* Attachments.refuse([])
    assert.deepInclude(yield* Effect.flip(Attachments.refuse([data])), { name: "dot.png", reason: "unsupported" })
  }))

it.effect("adapter: a name that begins with two dots is no way out of the directory", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* directory
    yield* fs.writeFileString(`${folder}/..notes`, "one")
    assert.deepInclude(yield* Attachments.locate({ _tag: "File", path: "..notes" }, folder), { name: "..notes" })
  })))
