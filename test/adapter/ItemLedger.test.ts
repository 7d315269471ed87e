import { assert, it } from "@effect/vitest"
import { ItemLedger } from "../../src/adapter/index.ts"
import { type Item, ItemId, type ItemStatus, type ProviderEvent, TurnId } from "../../src/protocol.ts"
import { below, seeded } from "../support/Mutation.ts"

const place = { turnId: TurnId.make("t1") }
const id = (name: string) => ItemId.make(name)
const message = (name: string, text = ""): Item => ({ _tag: "AssistantMessage", itemId: id(name), text })
const command = (name: string, output?: string, status: ItemStatus = "running"): Item => ({
  _tag: "Command",
  itemId: id(name),
  command: "ls",
  status,
  ...(output === undefined ? {} : { output })
})

type Change = (ledger: ItemLedger.ItemLedger<string>) => ItemLedger.Step<string>

const run = (...changes: ReadonlyArray<Change>) => {
  const events: Array<ProviderEvent> = []
  let ledger: ItemLedger.ItemLedger<string> = ItemLedger.empty
  for (const change of changes) {
    const step = change(ledger)
    ledger = step.state
    events.push(...step.events)
  }
  return { ledger, events }
}

const show = (item: Item): Change => (ledger) => ItemLedger.show(ledger, place, item, "about")
const append = (name: string, text: string): Change => (ledger) => ItemLedger.append(ledger, place, id(name), text)
const complete = (item: Item): Change => (ledger) => ItemLedger.complete(ledger, place, item)
const closeAll: Change = (ledger) => ItemLedger.closeAll(ledger, place)

it("P16 adapter: a message starts empty, streams with offsets, and is complete once", () => {
  const { events, ledger } = run(
    show(message("m", "He")),
    append("m", "llo"),
    append("m", ""),
    complete(message("m", "Hello")),
    complete(message("m", "again")),
    append("m", "late"),
    show(message("m", "late"))
  )
  assert.deepStrictEqual(events, [
    { _tag: "ItemStarted", ...place, item: message("m") },
    { _tag: "ItemDelta", ...place, itemId: id("m"), field: "text", offset: 0, delta: "He" },
    { _tag: "ItemDelta", ...place, itemId: id("m"), field: "text", offset: 2, delta: "llo" },
    { _tag: "ItemCompleted", ...place, item: message("m", "Hello") }
  ])
  assert.strictEqual(ledger.open.size, 0)
})

it("P16 adapter: a command's output streams beside its updates", () => {
  const { events } = run(
    show(command("c")),
    append("c", "a\n"),
    show(command("c", "a\nb\n")),
    append("c", "c\n"),
    // It does not go on from what was told.
    show(command("c", "...c\n")),
    append("c", "d\n"),
    closeAll
  )
  assert.deepStrictEqual(events, [
    { _tag: "ItemStarted", ...place, item: command("c") },
    { _tag: "ItemDelta", ...place, itemId: id("c"), field: "output", offset: 0, delta: "a\n" },
    { _tag: "ItemDelta", ...place, itemId: id("c"), field: "output", offset: 2, delta: "b\n" },
    { _tag: "ItemDelta", ...place, itemId: id("c"), field: "output", offset: 4, delta: "c\n" },
    { _tag: "ItemUpdated", ...place, item: command("c", "...c\n") },
    { _tag: "ItemDelta", ...place, itemId: id("c"), field: "output", offset: 5, delta: "d\n" },
    { _tag: "ItemCompleted", ...place, item: command("c", "...c\nd\n", "failed") }
  ])
})

it("P16 adapter: a command that goes from pending to running with its first output is told as a whole", () => {
  const { events } = run(show(command("c", "", "pending")), show(command("c", "a\n")))
  assert.deepStrictEqual(events.slice(1), [{ _tag: "ItemUpdated", ...place, item: command("c", "a\n") }])
})

it("P16 adapter: an item that comes only when it is complete is started too", () => {
  assert.deepStrictEqual(run(complete(message("m", "all"))).events, [
    { _tag: "ItemStarted", ...place, item: message("m") },
    { _tag: "ItemCompleted", ...place, item: message("m", "all") }
  ])
})

it("P16 adapter: what is only expected is told with its first text, and left out if there is none", () => {
  const expected: Change = (ledger) => ({
    state: ItemLedger.expect(ItemLedger.expect(ledger, message("m"), "a"), message("none"), "b"),
    events: [],
    wants: []
  })
  const { events } = run(expected, append("m", "x"), closeAll)
  assert.deepStrictEqual(events.map((event) => event._tag), ["ItemStarted", "ItemDelta", "ItemCompleted"])
})

it("P11 adapter: after a hole there are no deltas of what was open, and the whole item comes at its end", () => {
  const { events } = run(
    show(message("m", "He")),
    (ledger) => ItemLedger.tear(ledger, place),
    append("m", "o"),
    (ledger) => ItemLedger.complete(ledger, place, message("m", "Hello"), { recovered: true })
  )
  assert.deepStrictEqual(events.slice(2), [
    { _tag: "Gap", ...place, cause: "provider-stream", lost: "deltas" },
    { _tag: "ItemCompleted", ...place, item: message("m", "Hello"), recovered: true }
  ])
})

it("P11 adapter: where no text was open nothing was lost, and a change of files has no text to go on", () => {
  const change: Item = { _tag: "FileChange", itemId: id("f"), edits: [{ path: "a", kind: "add" }], status: "running" }
  const { events } = run(
    show(command("c", "a")),
    show(change),
    (ledger) => ItemLedger.tear(ledger, place),
    append("f", "more"),
    append("c", "b")
  )
  assert.deepStrictEqual(events.map((event) => event._tag), ["ItemStarted", "ItemStarted", "ItemDelta"])
})

it("P16 adapter: items that go on without the turn stay open, and completed ones are forgotten with the next", () => {
  const background: Change = (ledger) => ItemLedger.show(ledger, {}, command("bg"), "background")
  const { ledger } = run(
    background,
    show(command("fg")),
    (ledger) => ItemLedger.closeAll(ledger, place, { stays: ({ about }) => about === "background" })
  )
  assert.deepStrictEqual(Array.from(ledger.open.keys()), [id("bg")])
  assert.deepStrictEqual(Array.from(ledger.done), [id("fg")])
  const next = ItemLedger.nextTurn(ledger)
  assert.deepStrictEqual([next.done.size, next.open.size], [0, 1])
})

it("P16 adapter: in 2,000 orders of everything, each item starts once and ends once, with all of it in between", () => {
  const random = seeded(3)
  for (let round = 0; round < 2_000; round++) {
    const names = ["a", "b", "c"]
    const changes = Array.from({ length: 30 }, (): Change => {
      const name = names[below(random, 3)] ?? "a"
      const item = name === "c" ? command(name) : message(name, "x".repeat(below(random, 3)))
      switch (below(random, 6)) {
        case 0:
          return show(item)
        case 1:
          return complete(item)
        case 2:
          return (ledger) => ({ state: ItemLedger.expect(ledger, item, "about"), events: [], wants: [] })
        default:
          return append(name, "yz")
      }
    })
    const { events } = run(...changes, closeAll)
    for (const name of names) {
      const ours = events.filter((event) =>
        event._tag === "ItemDelta" ? event.itemId === name : "item" in event && event.item.itemId === name
      )
      const starts = ours.filter(({ _tag }) => _tag === "ItemStarted").length
      assert.strictEqual(ours.filter(({ _tag }) => _tag === "ItemCompleted").length, starts)
      assert.isAtMost(starts, 1)
      if (starts === 0) continue
      assert.deepStrictEqual([ours[0]?._tag, ours.at(-1)?._tag], ["ItemStarted", "ItemCompleted"])
    }
  }
})
