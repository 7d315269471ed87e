/** What must hold of any adapter's events, whatever the agent sent: checked event by event, in their order. */
import { assert } from "@effect/vitest"
import { Schema } from "effect"
import type { Item } from "../../src/domain/Item.ts"
import { isTerminal, ProviderEvent } from "../../src/domain/ThreadEvent.ts"

const encode = Schema.encodeSync(ProviderEvent)
const decode = Schema.decodeUnknownSync(ProviderEvent)

export interface EventLedger {
  readonly begin: (turnId: string) => void
  readonly check: (event: ProviderEvent) => void
  /** Terminal events of the turn that was begun last. */
  readonly terminals: () => number
}

/** How much of its output a command was shown with. */
const outputOf = (item: Item) => item._tag === "Command" ? (item.output ?? "").length : undefined

export const make = (): EventLedger => {
  let turnId: string | undefined
  let terminals = 0
  // How much of its text or output was told; nothing of items that are complete.
  const items = new Map<string, number | "completed">()
  const requests = new Map<string, string | undefined>()

  const check = (event: ProviderEvent) => {
    assert.deepStrictEqual(decode(JSON.parse(JSON.stringify(encode(event)))), JSON.parse(JSON.stringify(event)))
    if ("turnId" in event && event.turnId !== undefined) {
      assert.strictEqual(event.turnId, turnId, `${event._tag} belongs to the turn that runs`)
      assert.strictEqual(terminals, 0, `${event._tag} comes before the turn's end`)
    }
    if (isTerminal(event)) {
      terminals++
      const open = Array.from(requests).filter(([, of]) => of === turnId)
      assert.deepStrictEqual(open, [], "a turn's requests are settled before it ends")
    }
    switch (event._tag) {
      case "ItemStarted":
        assert.isFalse(items.has(event.item.itemId), `${event.item.itemId} starts once`)
        items.set(event.item.itemId, outputOf(event.item) ?? 0)
        break
      case "ItemUpdated":
        assert.isNumber(items.get(event.item.itemId), `${event.item.itemId} is updated while it is open`)
        items.set(event.item.itemId, outputOf(event.item) ?? items.get(event.item.itemId) ?? 0)
        break
      case "ItemDelta":
        assert.strictEqual(event.offset, items.get(event.itemId), `the offset in ${event.itemId}`)
        items.set(event.itemId, event.offset + event.delta.length)
        break
      case "ItemCompleted":
        assert.notStrictEqual(event.item._tag, "UserMessage")
        assert.isNumber(items.get(event.item.itemId), `${event.item.itemId} is completed once, after its start`)
        items.set(event.item.itemId, "completed")
        break
      case "ApprovalRequested":
      case "QuestionAsked":
        assert.isFalse(requests.has(event.request.requestId), `${event.request.requestId} is asked once at a time`)
        requests.set(event.request.requestId, event.turnId)
        break
      case "ApprovalSettled":
      case "QuestionSettled":
        assert.isTrue(requests.delete(event.requestId), `${event.requestId} is settled once`)
        break
      default:
    }
  }

  return {
    begin: (next) => {
      turnId = next
      terminals = 0
      for (const [id, text] of items) if (text === "completed") items.delete(id)
    },
    check,
    terminals: () => terminals
  }
}
