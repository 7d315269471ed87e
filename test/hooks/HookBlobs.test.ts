/** Pasted images in hooks that are not code of the app: private files of a command, and the body of a webhook. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient } from "effect/http"
import { createHash, randomBytes } from "node:crypto"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Attachment, CommandHook, LifecycleHooks, ProviderService, WebhookHook } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"
import * as ChildScript from "../support/ChildScript.ts"
import * as Loopback from "../support/Loopback.ts"

const { layer, threadId } = Agents

const content = randomBytes(300_000)
const image: Attachment = { _tag: "Data", name: "a shot/.png", mime: "image/png", base64: content.toString("base64") }
const named = {
  _tag: "Blob",
  name: image.name,
  sha256: createHash("sha256").update(content).digest("hex"),
  mediaType: "image/png",
  bytes: content.length
}

/** Tells what it was given, and what it finds there. */
const script = `
  const fs = require("node:fs")
  const { createHash } = require("node:crypto")
  const { lifecycle_event } = JSON.parse(fs.readFileSync(0, "utf8"))
  const [{ path, ...rest }] = lifecycle_event.input.attachments
  const { mode } = fs.statSync(path)
  const folder = fs.statSync(require("node:path").dirname(path)).mode
  const sha256 = createHash("sha256").update(fs.readFileSync(path)).digest("hex")
  fs.writeFileSync(process.argv[1], JSON.stringify({ path, rest, mode: mode & 0o777, folder: folder & 0o777, sha256 }))
`

const Told = Schema.fromJsonString(Schema.Struct({
  path: Schema.String,
  rest: Schema.Unknown,
  mode: Schema.Int,
  folder: Schema.Int,
  sha256: Schema.String
}))

const Left = Schema.fromJsonString(Schema.Struct({ pid: Schema.Int, path: Schema.String }))

const send = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* Agents.start()
  yield* agents.runTurn({ threadId, prompt: "look", attachments: [image] })
})

describe("blobs in hooks", () => {
  for (const phase of ["guard", "observe"] as const) {
    it.live(`P14 command, ${phase}: an image is a private file, which is gone with the run`, () =>
      Effect.gen(function*() {
        const out = `${yield* Agents.folder}/told.json`
        const command = { name: "reader", command: process.execPath, args: ["-e", script, out] }
        const hook = phase === "guard"
          ? CommandHook.guard({ ...command, events: ["turn:start"], failure: "closed" })
          : CommandHook.observe({ ...command, events: ["turn:start"] })
        const over = yield* Deferred.make<void>()
        const receipts = LifecycleHooks.observe({
          name: "receipts",
          events: ["hook:completed"],
          run: (event) => event.hook === "reader" ? Deferred.succeed(over, undefined) : Effect.void
        })
        yield* Effect.provide(
          Effect.andThen(send, Deferred.await(over)),
          layer({ hooks: [Layer.provide(hook, Agents.platform), receipts] })
        )
        const { folder, mode, path, rest, sha256 } = yield* Schema.decodeEffect(Told)(readFileSync(out, "utf8"))
        assert.deepStrictEqual(rest, named)
        assert.strictEqual(sha256, named.sha256)
        assert.strictEqual(mode, 0o600)
        assert.strictEqual(folder, 0o700)
        assert.isFalse(existsSync(dirname(path)))
      }).pipe(Effect.provide(Agents.platform)))
  }

  it.live(
    "P14 command: an image that a killed host has left is removed by the next one, and nothing else is",
    () =>
      Effect.gen(function*() {
        const script = fileURLToPath(new URL("../support/ImageHookHost.ts", import.meta.url))
        const host = yield* ChildScript.start([script])
        const { path, pid } = yield* Schema.decodeEffect(Left)(host.line)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(pid, "SIGKILL")))
        const [folder, name] = [dirname(path), basename(dirname(path))]
        const start = Effect.scoped(Layer.build(Layer.fresh(LifecycleHooks.layer)))
        yield* start
        assert.isTrue(existsSync(path))
        yield* host.kill
        // Of the same process, by its name: with something in it that no run has written, for others to enter, or a link.
        const beside = (end: string) => join(dirname(folder), name.slice(0, -6) + end)
        const [strange, open, link] = [beside("aaaaaa"), beside("bbbbbb"), beside("cccccc")]
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            mkdirSync(strange, { mode: 0o700 })
            writeFileSync(join(strange, "0.png"), "an image")
            writeFileSync(join(strange, "notes.txt"), "mine")
            mkdirSync(open)
            chmodSync(open, 0o755)
            symlinkSync(strange, link)
          }),
          () => Effect.sync(() => [strange, open, link].forEach((left) => rmSync(left, { recursive: true })))
        )
        yield* start
        assert.isFalse(existsSync(folder))
        assert.deepStrictEqual(readdirSync(strange).toSorted(), ["0.png", "notes.txt"])
        assert.isTrue(existsSync(open))
        assert.isTrue(lstatSync(link).isSymbolicLink())
      }).pipe(Effect.scoped)
  )

  for (const blobs of ["named", "inline"] as const) {
    it.live(`P14 webhook: an image is ${blobs} in the body, by choice`, () =>
      Effect.gen(function*() {
        const body = yield* Deferred.make<string>()
        const url = yield* Loopback.http((request, response) => {
          const chunks: Array<Buffer> = []
          request.on("data", (chunk) => chunks.push(chunk))
          request.on("end", () => {
            Deferred.doneUnsafe(body, Effect.succeed(Buffer.concat(chunks).toString("utf8")))
            response.writeHead(204).end()
          })
        })
        const secret = Redacted.make("a secret of the receiver")
        const hook = WebhookHook.layer({ name: "receiver", events: ["turn:start"], url, secret, blobs })
        yield* Effect.provide(
          Effect.andThen(send, Deferred.await(body)),
          layer({ hooks: [Layer.provide(Layer.orDie(hook), FetchHttpClient.layer)] })
        )
        const { input }: { readonly input: { readonly attachments: unknown } } = JSON.parse(yield* Deferred.await(body))
        assert.deepStrictEqual(input.attachments, [blobs === "inline" ? image : named])
      }).pipe(Effect.provide(Agents.platform)))
  }
})
