/** Snapshots as an app has them: listed, read back as turns, verified, exported, purged. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import type { Item } from "../../src/domain/Item.ts"
import { custom } from "../../src/domain/Redaction.ts"
import * as archive from "../../src/host/archive.ts"
import type { Snapshots } from "../../src/transcript/internal/snapshots.ts"
import * as Fixture from "../support/SnapshotFixture.ts"
import {
  assistant,
  conversation,
  engine,
  filesIn,
  history,
  input,
  says,
  turn,
  user
} from "../support/SnapshotFixture.ts"
import { temporaryFolder } from "../support/StoreFixture.ts"

/** The parts that need a live session are not asked here. */
const archiveOf = (snapshots: Snapshots) =>
  archive.make({ snapshots, snapshot: () => Effect.die("live"), restore: () => Effect.die("live") })

const opened = Effect.map(engine, (opened) => ({ ...opened, archive: archiveOf(opened.snapshots) }))

const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe, 0x00, 0x01]).toString("base64")
const image = { _tag: "Data", name: "shot.png", mime: "image/png", base64: png } as const

it.effect("P13 snapshots: read gives the conversation turn by turn, with what the log knows of each turn", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const asked = turn("t2", 205, [says("a2-p", "two")], { prompt: "look", attachments: [image], agent: "plan" })
    const gone = turn("t1", 100, [says("gone", "one")])
    yield* snapshots.write(input(folder, "one", {
      history: history([
        user("msg_2", "look", 200),
        assistant("a2", "two", 210),
        user("typed", "in the agent's own window", 300),
        assistant("a3", "three", 310)
      ]),
      archive: [gone, asked],
      refs: new Map([[TurnId.make("t2"), "msg_2"]])
    }))
    const { turns } = yield* archive.read({ snapshotId: "one" })
    assert.deepStrictEqual(turns.map(({ turnId }) => turnId), ["t1", "t2", "typed"])
    assert.deepStrictEqual(turns[0], gone)
    assert.deepStrictEqual(turns[1]?.input, asked.input)
    assert.deepStrictEqual(turns[2]?.input, { prompt: "in the agent's own window" })
    assert.deepStrictEqual(turns.map(({ outcome }) => outcome), ["completed", "completed", "completed"])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a snapshot is read where its directory was copied to, without the store", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const { path } = yield* snapshots.write(input(folder, "one"))
    const copy = join(yield* temporaryFolder, "copy")
    cpSync(dirname(path), copy, { recursive: true })
    assert.strictEqual(yield* archive.purge({ snapshotId: "one" }), 1)
    const there = { path: join(copy, basename(path)) }
    assert.strictEqual((yield* archive.read(there)).messages.length, 4)
    assert.strictEqual((yield* archive.verify(there)).snapshotId, "one")
    assert.strictEqual((yield* Effect.flip(archive.read({ path })))._tag, "SnapshotUnknown")
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: verify finds a damaged attachment that reading would not need", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const message = { ...assistant("a1", "see"), raw: { url: `data:image/png;base64,${png}` } }
    yield* snapshots.write(input(folder, "one", { history: history([message]) }))
    const blob = filesIn(folder).find((name) => name.includes("/blobs/")) ?? ""
    assert.deepStrictEqual(readFileSync(join(folder, blob)), Buffer.from(png, "base64"))
    writeFileSync(join(folder, blob), "x")
    assert.deepInclude(yield* Effect.flip(archive.verify({ snapshotId: "one" })), {
      _tag: "SnapshotCorrupt",
      what: `blob ${basename(blob)}`
    })
    rmSync(join(folder, blob))
    assert.strictEqual((yield* Effect.flip(archive.verify({ snapshotId: "one" })))._tag, "SnapshotCorrupt")
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("purge removes one snapshot or all of a thread, and says how many", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    for (const [n, id] of ["one", "two", "three"].entries()) {
      yield* snapshots.write(input(folder, id, { createdAt: n, history: history(conversation(n + 1)) }))
    }
    assert.strictEqual(yield* archive.purge({ snapshotId: "one" }), 1)
    assert.strictEqual(yield* archive.purge({ snapshotId: "one" }), 0)
    assert.strictEqual(yield* archive.purge({ threadId: Fixture.threadId }), 2)
    assert.deepStrictEqual(filesIn(folder), [".gitignore"])
  }).pipe(Effect.provide(Fixture.platform)))

// --- exports ---

const tools: ReadonlyArray<Item> = [
  { _tag: "Reasoning", itemId: ItemId.make("i1"), text: "</details> hm ```` four" },
  {
    _tag: "Command",
    itemId: ItemId.make("i2"),
    command: "cat x",
    output: "```\n# not a heading\n`````\n",
    exitCode: 1,
    status: "failed"
  },
  {
    _tag: "ToolCall",
    itemId: ItemId.make("i3"),
    tool: "web`search",
    kind: "web-search",
    input: { q: "a\n```\nb" },
    output: "found",
    status: "completed"
  },
  {
    _tag: "FileChange",
    itemId: ItemId.make("i4"),
    edits: [{ path: "a.ts", kind: "modify", patch: "-old\n+new" }],
    status: "completed"
  }
]

/** The lines of a Markdown text that are in no fence. */
const outside = (markdown: string) => {
  const lines: Array<string> = []
  let fence: string | undefined
  for (const line of markdown.split("\n")) {
    const marker = /^`{3,}/.exec(line)?.[0]
    if (fence === undefined && marker !== undefined) fence = marker
    else if (fence !== undefined && marker !== undefined && marker.length >= fence.length && line === marker) {
      fence = undefined
    } else if (fence === undefined) lines.push(line)
  }
  assert.isUndefined(fence, "every fence is closed")
  return lines
}

it.effect("markdown shows everything, and nothing in it breaks out of its place", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const answer = { ...assistant("a1", "## Turn 99\n\n```\nunclosed"), raw: { url: `data:image/png;base64,${png}` } }
    yield* snapshots.write(input(folder, "one", {
      history: history([user("u1", "# Conversation\nhi", 1000), { ...answer, items: [...answer.items, ...tools] }])
    }))
    const { messages, omitted, text } = yield* archive.export({ snapshot: { snapshotId: "one" }, format: "markdown" })
    assert.deepStrictEqual([messages, omitted], [2, 0])
    for (
      const part of ["cat x", "# not a heading", "+new", "unclosed", "four", "10 in, 5 out", "exit code 1", "found"]
    ) {
      assert.include(text, part)
    }
    assert.include(text, "1970-01-01 00:00:01 UTC")
    const plain = outside(text)
    assert.deepStrictEqual(plain.filter((line) => /^##? /.test(line)), [
      "# Conversation `thread-1`",
      "## Turn 1, 1970-01-01 00:00:01 UTC",
      "## Attachments"
    ])
    assert.deepStrictEqual(plain.filter((line) => line === "</details>").length, 1)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P14 snapshots: in markdown nothing of the conversation runs, loads, or commands a terminal", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const text = [
      "<img src=x onerror=alert(1)>",
      "![pixel](https://evil.test/p.png)",
      "![ref][r]",
      "[click](javascript:alert(1))",
      "[click](java&#115;cript:alert(1))",
      "[r]: javascript:alert(2)",
      "<javascript:alert(3)>",
      "[docs](https://good.test/)",
      "\u001b]0;title\u0007\u001b[2J\u009b31m"
    ].join("\n")
    const command: Item = {
      _tag: "Command",
      itemId: ItemId.make("i1"),
      command: "cat x",
      output: "\u001b[31mred\u202e",
      status: "completed"
    }
    const answer = assistant("a1", text)
    yield* snapshots.write(input(folder, "one", {
      history: history([user("u1", text), { ...answer, items: [...answer.items, command] }])
    }))
    const file = yield* archive.export({ snapshot: { snapshotId: "one" }, format: "markdown" })
    assert.notMatch(file.text, /(?<!\\)<(?:img|javascript)|!\[|\][(:]\s*java/)
    assert.notMatch(file.text, /(?!\n)\p{Cc}|\u202e/u)
    assert.include(file.text, "[docs](https://good.test/)")
    assert.include(file.text, "\u241b[31mred")
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("JSON lines have every message, attachments in their places", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const raw = { parts: [{ filename: "shot.png", url: `data:image/png;base64,${png}` }] }
    yield* snapshots.write(input(folder, "one", { history: history([{ ...assistant("a1", "see"), raw }]) }))
    const { text } = yield* archive.export({ snapshot: { snapshotId: "one" }, format: "jsonl" })
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line))
    assert.deepStrictEqual(lines.map(({ id, raw }) => ({ id, raw })), [{ id: "a1", raw }])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("OpenCode's shape is for what OpenCode has, and says what it leaves out", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const messages = conversation(2)
    yield* snapshots.write(input(folder, "acme", { history: history(messages) }))
    const refused = yield* Effect.flip(archive.export({ snapshot: { snapshotId: "acme" }, format: "opencode" }))
    assert.deepInclude(refused, { _tag: "ExportUnsupported", found: "acme/1" })
    yield* snapshots.write(input(folder, "own", {
      createdAt: 2000,
      history: { ...history(messages, { id: "ses_1" }), format: "opencode/1.18.33" },
      archive: [turn("t0", 0, [says("gone", "before")])]
    }))
    const exported = yield* archive.export({ snapshot: { snapshotId: "own" }, format: "opencode" })
    assert.deepStrictEqual([exported.messages, exported.omitted], [2, 2])
    assert.deepStrictEqual(JSON.parse(exported.text), {
      info: { id: "ses_1" },
      messages: messages.map(({ raw }) => raw)
    })
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P14 snapshots: an export is of the redacted copy", () =>
  Effect.gen(function*() {
    const { archive, folder, snapshots } = yield* opened
    const redactor = custom("answers/1", (text) => Effect.succeed(text.replaceAll("answer", "[gone]")))
    yield* snapshots.write(input(folder, "one", { redactor }))
    for (const format of ["markdown", "jsonl"] as const) {
      const { text } = yield* archive.export({ snapshot: { snapshotId: "one" }, format })
      assert.notInclude(text, "answer")
      assert.include(text, "[gone]")
    }
  }).pipe(Effect.provide(Fixture.platform)))
