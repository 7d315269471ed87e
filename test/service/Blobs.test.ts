/** Pasted images, and images that tools give back: kept once, by their content, and named in events and hooks. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Stream } from "effect"
import { TestClock } from "effect/testing"
import { createHash, randomBytes } from "node:crypto"
import { existsSync, readFileSync, statSync } from "node:fs"
import {
  type Attachment,
  type LifecycleEvent,
  LifecycleHooks,
  ProviderService,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import type { RecordedInput } from "../../src/protocol.ts"
import { MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { layer, stored, threadId } = Agents
const copy = ThreadId.make("copy")

const image = (content: Uint8Array, name = "shot.png"): Attachment => ({
  _tag: "Data",
  name,
  mime: "image/png",
  base64: Buffer.from(content).toString("base64")
})

const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex")

const named = (content: Uint8Array, name = "shot.png") => ({
  _tag: "Blob",
  name,
  sha256: sha256(content),
  mediaType: "image/png",
  bytes: content.length
})

const read = (content: Uint8Array, id: ThreadId = threadId) =>
  Effect.map(
    Effect.exit(ProviderService.use((agents) => agents.readBlob({ threadId: id, sha256: sha256(content) }))),
    Exit.match({
      onSuccess: (bytes) => Buffer.from(bytes).equals(content) ? "whole" : "other bytes",
      onFailure: () => "gone"
    })
  )

const database = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped()}/threads.db`
})

/** Bytes of the store's files, the write-ahead log included. */
const sizeOf = (filename: string) =>
  ["", "-wal"].reduce((sum, suffix) => sum + (existsSync(filename + suffix) ? statSync(filename + suffix).size : 0), 0)

const found = (filename: string, content: Buffer) =>
  ["", "-wal"].filter((suffix) =>
    existsSync(filename + suffix) && readFileSync(filename + suffix).includes(content.subarray(0, 64))
  )

const attached = (input: RecordedInput | undefined) => input?.attachments

describe("blobs", () => {
  it.effect("P15 mock: 13 MB of pasted images cost about 13 MB; the agent has them whole, events and hooks their names", () => {
    const told: Array<LifecycleEvent> = []
    const heard: Array<unknown> = []
    const hook = LifecycleHooks.observe({
      name: "reader",
      events: ["turn:start"],
      run: (event) => Effect.sync(() => told.push(event))
    })
    return Effect.gen(function*() {
      const filename = yield* database
      const images = Array.from({ length: 13 }, () => randomBytes(1024 * 1024))
      const options = {
        filename,
        hooks: [hook],
        mock: {
          script: ({ input }: MockStep.MockTurn) => {
            heard.push(input.attachments)
            return [MockStep.text("seen")]
          }
        }
      }
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start()
        for (const content of images) {
          yield* agents.runTurn({ threadId, prompt: "look", attachments: [image(content)] })
        }
        const started = (yield* stored()).filter(Agents.is("TurnStarted"))
        assert.deepStrictEqual<unknown>(
          started.map(({ input }) => attached(input)),
          images.map((content) => [named(content)])
        )
        assert.deepStrictEqual<unknown>(heard, images.map((content) => [image(content)]))
        for (const content of images) assert.strictEqual(yield* read(content), "whole")
        const turns = yield* agents.readTranscript({ threadId })
        assert.deepStrictEqual<unknown>(attached(turns[0]?.input), images.slice(0, 1).map((content) => named(content)))
      }).pipe(Effect.provide(layer(options)))
      assert.deepStrictEqual<unknown>(
        told.flatMap((event) => event._tag === "turn:start" ? [attached(event.input)] : []),
        images.map((content) => [named(content)])
      )
      const bytes = sizeOf(filename)
      assert.isAbove(bytes, 13 * 1024 * 1024)
      assert.isBelow(bytes, 14 * 1024 * 1024)
    }).pipe(Effect.provide(Agents.platform))
  })

  it.effect("P14 mock: another thread does not get bytes by their hash; one that was sent them has them, once", () =>
    Effect.gen(function*() {
      const filename = yield* database
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const content = randomBytes(1024 * 1024)
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "look", attachments: [image(content)] })
        yield* agents.startSession({ threadId: copy, instanceId: Agents.mock, directory: yield* Agents.folder })
        assert.strictEqual(yield* read(content, copy), "gone")
        const unknown = yield* Effect.flip(agents.readBlob({ threadId: copy, sha256: sha256(content) }))
        assert.deepInclude(unknown, { _tag: "BlobNotFound", threadId: copy, retryable: false })
        const before = sizeOf(filename)
        yield* agents.runTurn({ threadId: copy, prompt: "look", attachments: [image(content, "again.png")] })
        assert.strictEqual(yield* read(content, copy), "whole")
        assert.isBelow(sizeOf(filename) - before, 200_000)
      }).pipe(Effect.provide(layer({ filename })))
    }).pipe(Effect.provide(Agents.platform)))

  it.effect("P14 mock: a fork has the images of its past; the last thread that goes takes them out of the file", () =>
    Effect.gen(function*() {
      const filename = yield* database
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const content = randomBytes(700_000)
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "look", attachments: [image(content)] })
        yield* agents.forkThread({ threadId, newThreadId: copy })
        yield* agents.deleteThread({ threadId })
        assert.strictEqual(yield* read(content), "gone")
        assert.strictEqual(yield* read(content, copy), "whole")
        yield* agents.deleteThread({ threadId: copy })
        assert.strictEqual(yield* read(content, copy), "gone")
        assert.deepStrictEqual(found(filename, content), [])
        assert.isBelow(sizeOf(filename), 400_000)
      }).pipe(Effect.provide(layer({ filename })))
    }).pipe(Effect.provide(Agents.platform)))

  it.effect("P16 mock: an image that a tool gives back, and one that joins a running turn, are named in the same way", () => {
    const drawn = randomBytes(200_000)
    const pasted = randomBytes(1000)
    const script = ({ steered }: MockStep.MockTurn) =>
      steered ? [MockStep.text("seen")] : [
        MockStep.tool("draw", {
          asks: false,
          content: [{ _tag: "Text", text: "drawn" }, {
            _tag: "Image",
            mime: "image/png",
            base64: drawn.toString("base64")
          }]
        }),
        MockStep.question([{ question: "More?" }])
      ]
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "draw" })
      const { item } = yield* Agents.awaitEvent((event): event is Extract<typeof event, { _tag: "ItemCompleted" }> =>
        event._tag === "ItemCompleted" && event.item._tag === "ToolCall"
      )
      const { sha256: hash, bytes, mediaType } = named(drawn)
      assert.deepInclude<unknown>(item, {
        content: [{ _tag: "Text", text: "drawn" }, { _tag: "StoredImage", sha256: hash, mediaType, bytes }]
      })
      assert.strictEqual(yield* read(drawn), "whole")
      const steered = yield* agents.sendTurn({ threadId, prompt: "as here", attachments: [image(pasted)], steer: true })
      assert.strictEqual(steered.turnId, turnId)
      const joined = (yield* stored()).find(Agents.is("TurnSteered"))
      assert.deepStrictEqual<unknown>(attached(joined?.input), [named(pasted)])
      assert.strictEqual(yield* read(pasted), "whole")
    }).pipe(Effect.provide(layer({ mock: { script } })))
  })

  it.effect("P12 mock: a guard can read the image of a turn that is not sent yet; a veto leaves nothing of it", () => {
    const content = randomBytes(50_000)
    const seen: Array<string> = []
    const guard = LifecycleHooks.guard({
      name: "no-images",
      events: ["turn:start"],
      run: ({ input }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual<unknown>(attached(input), [named(content)])
          seen.push(yield* read(content))
          return { _tag: "Veto" as const, reason: "no images" }
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "look", attachments: [image(content)] }))
      assert.strictEqual(error._tag, "TurnVetoed")
      assert.deepStrictEqual(seen, ["whole"])
      assert.strictEqual(yield* read(content), "gone")
    }).pipe(Effect.provide(layer({ hooks: [guard] })))
  })

  it.effect("P13 mock: a snapshot holds the images, and a thread that is restored from it has them as its own", () => {
    const pasted = randomBytes(1000)
    const drawn = randomBytes(2000)
    const script = () => [
      MockStep.tool("draw", {
        asks: false,
        content: [{ _tag: "Image", mime: "image/png", base64: drawn.toString("base64") }]
      }),
      MockStep.text("done")
    ]
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const archive = yield* TranscriptArchive
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "look", attachments: [image(pasted)] })
      const { snapshotId } = yield* archive.snapshot({ threadId })
      const snapshot = { snapshotId }
      yield* agents.deleteThread({ threadId })
      const { manifest, turns } = yield* archive.read(snapshot)
      assert.deepStrictEqual(manifest.attachments.map(({ bytes }) => bytes).toSorted(), [1000, 2000])
      assert.deepStrictEqual<unknown>(attached(turns[0]?.input), [image(pasted)])
      yield* archive.restore({ snapshot, threadId: copy })
      assert.strictEqual(yield* read(pasted, copy), "whole")
      assert.strictEqual(yield* read(drawn, copy), "whole")
      const restored = (yield* stored(copy)).find(Agents.is("TurnRestored"))
      assert.deepStrictEqual<unknown>(attached(restored?.input), [named(pasted)])
      // A snapshot of the restored thread has them once more.
      const again = yield* archive.snapshot({ threadId: copy })
      const whole = yield* archive.read({ snapshotId: again.snapshotId })
      assert.deepStrictEqual<unknown>(attached(whole.turns[0]?.input), [image(pasted)])
    }).pipe(Effect.provide(layer({ mock: { script } })))
  })

  it.effect("P11 mock: what is pruned takes its images along, unless a later turn has them as well", () =>
    Effect.gen(function*() {
      const filename = yield* database
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const gone = randomBytes(300_000)
        const kept = randomBytes(300_000)
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "one", attachments: [image(gone), image(kept)] })
        yield* agents.runTurn({ threadId, prompt: "two", attachments: [image(kept)] })
        yield* TestClock.adjust("1 hour")
        yield* Effect.repeat(Effect.tap(read(gone), Effect.yieldNow), { until: (state) => state === "gone" })
        yield* agents.streamEvents({ threadId }).pipe(Stream.take(1), Stream.runDrain)
        assert.strictEqual(yield* read(kept), "whole")
        yield* Effect.repeat(
          Effect.map(Effect.yieldNow, () => found(filename, gone).length),
          { until: (places) => places === 0 }
        )
      }).pipe(Effect.provide(layer({
        filename,
        settings: { retention: { keepTurns: 1 }, reaper: { idleAfter: "1 day" } }
      })))
    }).pipe(Effect.provide(Agents.platform)))

  it.effect("P14 mock: an image that two threads have is erased by retention when the last of them loses it", () =>
    Effect.gen(function*() {
      const filename = yield* database
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const content = randomBytes(300_000)
        const until = (id: ThreadId) =>
          Effect.repeat(Effect.tap(read(content, id), Effect.yieldNow), { until: (state) => state === "gone" })
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "look", attachments: [image(content)] })
        yield* agents.forkThread({ threadId, newThreadId: copy })
        yield* agents.runTurn({ threadId, prompt: "two" })
        yield* TestClock.adjust("1 hour")
        yield* until(threadId)
        assert.strictEqual(yield* read(content, copy), "whole")
        yield* agents.runTurn({ threadId: copy, prompt: "two" })
        yield* TestClock.adjust("1 hour")
        yield* until(copy)
        yield* Effect.repeat(
          Effect.map(Effect.yieldNow, () => found(filename, content).length),
          { until: (places) => places === 0 }
        )
      }).pipe(Effect.provide(layer({
        filename,
        settings: { retention: { keepTurns: 1 }, reaper: { idleAfter: "1 day" } }
      })))
    }).pipe(Effect.provide(Agents.platform)))
})
