/** Secrets that an adapter knows do not leave it, in items, in requests, or in deltas that come in pieces. */
import { assert, it } from "@effect/vitest"
import * as SecretFilter from "../../src/adapter/SecretFilter.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"

const secret = "s3cret-of-the-server"
const hidden = "*".repeat(secret.length)
const turnId = TurnId.make("t1")
const itemId = ItemId.make("i1")

const delta = (offset: number, text: string): ProviderEvent => ({
  _tag: "ItemDelta",
  turnId,
  itemId,
  field: "output",
  offset,
  delta: text
})

const completed = (output: string): ProviderEvent => ({
  _tag: "ItemCompleted",
  turnId,
  item: { _tag: "Command", itemId, command: `echo ${output}`, output, status: "completed" }
})

/** What a reader has who puts the deltas where they say that they belong. */
const shown = (events: ReadonlyArray<ProviderEvent>) => {
  let text = ""
  for (const event of events) {
    if (event._tag !== "ItemDelta") continue
    assert.strictEqual(event.offset, text.length, "deltas follow one another")
    text += event.delta
  }
  return text
}

it("P14 a secret is covered in items, wherever it stands, and nothing else changes", () => {
  const filter = SecretFilter.make([secret])
  const [event] = filter([completed(`A=${secret}\nB=1`)])
  assert.deepStrictEqual(event, completed(`A=${hidden}\nB=1`))
  const tool: ProviderEvent = {
    _tag: "ItemStarted",
    turnId,
    item: {
      _tag: "ToolCall",
      itemId,
      tool: "x",
      kind: "other",
      input: { [secret]: [{ deep: `${secret}${secret}` }] },
      status: "running"
    }
  }
  assert.notInclude(JSON.stringify(filter([tool])), secret)
  const plain = completed("nothing")
  assert.strictEqual(filter([plain])[0], plain)
})

it("P14 a secret that is split over two deltas, at any place, or over many, is never shown", () => {
  const text = `before ${secret} after`
  for (let at = 0; at <= text.length; at++) {
    const filter = SecretFilter.make([secret])
    const events = [...filter([delta(0, text.slice(0, at))]), ...filter([delta(at, text.slice(at)), completed(text)])]
    assert.strictEqual(shown(events), `before ${hidden} after`)
  }
  const filter = SecretFilter.make([secret])
  const events = Array.from(text, (letter, n) => filter([delta(n, letter)])).flat()
  assert.strictEqual(shown([...events, ...filter([completed(text)])]), `before ${hidden} after`)
})

it("what only begins as a secret does is shown, at the latest before the item is completed", () => {
  const filter = SecretFilter.make([secret])
  assert.strictEqual(shown(filter([delta(0, "s3cret")])), "")
  assert.strictEqual(shown(filter([delta(6, "ary")]).map((event) => event)), "s3cretary")
  const end = filter([delta(9, " s3cre"), completed("s3cretary s3cre")])
  assert.deepStrictEqual(end.map(({ _tag }) => _tag), ["ItemDelta", "ItemDelta", "ItemCompleted"])
  assert.deepStrictEqual(filter([completed("x")]).length, 1)
})

it("P11 where deltas are missing in between, what was held back is let out at its own place", () => {
  const filter = SecretFilter.make([secret])
  assert.deepStrictEqual(filter([delta(0, "a s3cre")]), [delta(0, "a ")])
  assert.deepStrictEqual(filter([delta(20, "t-of-the-server!")]), [delta(2, "s3cre"), delta(20, "t-of-the-server!")])
})

it("P14 a secret that holds another one is covered whole, and short words are none", () => {
  const filter = SecretFilter.make([secret, `${secret}-longer`, "word"])
  assert.deepStrictEqual(filter([completed(`${secret}-longer word`)]), [
    completed(`${"*".repeat(secret.length + 7)} word`)
  ])
})
