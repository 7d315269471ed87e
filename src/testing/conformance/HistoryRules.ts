/**
 * The provider's own history: whole, in order, under ids that stay, in a form that can be saved.
 */
import { Effect, Schema } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { HistoryMessage } from "../../provider/ProviderAdapter.ts"
import { cursorOf, endsTurn, type Host, listen, type Listener, startsItem, within } from "./Bench.ts"
import { equal, expect, need, refused } from "./Check.ts"
import type { Rule } from "./Rule.ts"

const texts = (items: ReadonlyArray<Item>) =>
  items.flatMap((item) => "text" in item && item._tag !== "Reasoning" ? [`${item._tag}: ${item.text}`] : [])

const messagesOf = ({ bench }: Host, { session }: Listener) =>
  Effect.map(within(bench, "the history", session.history), ({ messages }) => messages)

/** What must never change of a message that is finished. */
const kept = ({ id, items, role }: HistoryMessage) => ({ id, role, items })

/** Everything that was there is there still, in its order. */
const nothingLost = (before: ReadonlyArray<HistoryMessage>, after: ReadonlyArray<HistoryMessage>, when: string) => {
  const known = new Set(before.map(({ id }) => id))
  return equal(after.filter(({ id }) => known.has(id)).map(kept), before.map(kept), `the earlier messages ${when}`)
}

export const rules: ReadonlyArray<Rule> = [
  {
    id: "history",
    promise: "P5",
    title: "the provider's history tells what became of a turn, or is refused as not offered",
    assumes: ["interrupt/streaming"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { session, ...listener } = yield* listen(host)
        const never = TurnId.make(`turn-${process.pid}-never`)
        if (!bench.capabilities.history) {
          const read = yield* Effect.result(session.history)
          if (read._tag === "Success") return yield* bench.undeclared("history")
          yield* refused(session.history, ["CapabilityMissing"], "a history that is not offered")
          const evidence = Effect.flatMap(session.turnRef(never), (ref) => session.evidence({ turnId: never, ref }))
          return yield* Effect.asVoid(refused(evidence, ["CapabilityMissing"], "evidence that is not offered"))
        }
        yield* listener.run(bench.prompts.say("before"))
        const nothing = yield* session.evidence({ turnId: never, ref: yield* session.turnRef(never) })
        yield* equal(nothing.outcome, "never-delivered", "the outcome of a turn that was never sent")
        const turnId = TurnId.make(`turn-${process.pid}-history`)
        const ref = yield* session.turnRef(turnId)
        yield* session.sendTurn({ turnId, ref, input: { prompt: bench.prompts.say("violet anchor") } })
        yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
        const done = yield* session.evidence({ turnId, ref })
        yield* equal(done.outcome, "completed", "the outcome of a completed turn")
        const all = texts((yield* session.history).messages.flatMap(({ items }) => items)).join("\n")
        yield* expect(
          /UserMessage: [^]*before[^]*AssistantMessage: [^]*before[^]*UserMessage: [^]*violet anchor[^]*AssistantMessage: [^]*violet anchor/
            .test(all),
          "both turns in their order",
          all
        )
        const said = texts(done.items).join("\n")
        yield* expect(
          said.includes("violet anchor") && !said.includes("before"),
          "the items of this turn and no other",
          said
        )
        const cut = TurnId.make(`turn-${process.pid}-cut`)
        const cutRef = yield* session.turnRef(cut)
        yield* session.sendTurn({ turnId: cut, ref: cutRef, input: { prompt: bench.prompts.slow } })
        yield* listener.awaitEvent("the answer to begin", startsItem(cut))
        yield* within(bench, "interruptTurn to return", session.interruptTurn(cut))
        yield* listener.awaitEvent("the end of the turn that is interrupted", endsTurn(cut))
        const { outcome } = yield* session.evidence({ turnId: cut, ref: cutRef })
        yield* expect(
          outcome === "interrupted" || outcome === "unfinished" || outcome === "failed",
          "an outcome of a turn that was cut: interrupted, unfinished or failed",
          outcome
        )
      }))
  },
  {
    id: "history/complete",
    promise: "P13",
    title: "the history has every message under an id that stays, also after a compaction and a resume",
    applies: ({ history }) => history,
    assumes: ["history", "compact", "continuity/resumed", "events/in-turn", "events/ids"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host)
        yield* listener.run(bench.prompts.say("blue walnut"))
        yield* listener.run(bench.prompts.say("violet anchor"))
        const before = yield* messagesOf(host, listener)
        const ids = before.map(({ id }) => id)
        yield* equal(new Set(ids).size, ids.length, "different ids")
        yield* expect(before.every(({ finished }) => finished), "finished messages of an idle session", before)
        const times = before.flatMap(({ at }) => at === undefined ? [] : [at])
        yield* equal(times, times.toSorted((a, b) => a - b), "the times of the messages, oldest first")
        const items = new Set(before.flatMap((message) => message.items.map(({ itemId }) => itemId)))
        for (const event of yield* listener.seen) {
          if (event._tag === "ItemCompleted") yield* expect(items.has(event.item.itemId), "every item's id", event.item)
        }
        yield* equal((yield* messagesOf(host, listener)).map(kept), before.map(kept), "the history, read again")
        if (bench.capabilities.compact) {
          yield* within(bench, "compact to return", listener.session.compact)
          yield* listener.awaitEvent("CompactionCompleted", (event) => event._tag === "CompactionCompleted")
          yield* nothingLost(before, yield* messagesOf(host, listener), "after a compaction")
        }
        const cursor = yield* cursorOf(listener)
        yield* listener.close
        const resumed = yield* listen(host, { from: { _tag: "Resume", cursor } })
        yield* nothingLost(before, yield* messagesOf(host, resumed), "after a resume")
      }))
  },
  {
    id: "history/behind",
    promise: "P13",
    title: "a history that lacks what was shown says so, for as long as it does",
    applies: ({ history }) => history,
    assumes: ["history"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const holdBack = yield* need(host.controls, "historyBehind")
        const { run, session } = yield* listen(host)
        yield* run(bench.prompts.say("blue walnut"))
        yield* run(bench.prompts.say("violet anchor"))
        const behind = Effect.map(within(bench, "the history", session.history), ({ behind = false }) => behind)
        yield* equal(yield* behind, false, "whether a whole history is behind")
        const meanwhile = yield* Effect.scoped(Effect.andThen(holdBack(session.sessionId), behind))
        yield* equal(meanwhile, true, "whether one that lacks the last message is behind")
        yield* equal(yield* behind, false, "whether it is behind afterwards")
      }))
  },
  {
    id: "history/raw-plain",
    promise: "P13",
    title: "the provider's own records are plain JSON, and hold what was said",
    applies: ({ history }) => history,
    assumes: ["history"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { run, session } = yield* listen(host)
        yield* run(bench.prompts.say("violet anchor"))
        const { agentVersion, format, messages, session: record } = yield* within(bench, "the history", session.history)
        yield* expect(format !== "" && agentVersion !== "", "the names of the format and of the agent's version", {
          format,
          agentVersion
        })
        yield* expect(isJson(record), "a record of the session in plain JSON", record)
        for (const { raw } of messages) yield* expect(isJson(raw), "a message in plain JSON", raw)
        const raw = JSON.stringify(messages.map((message) => message.raw))
        yield* expect(raw.includes("violet anchor"), "the words in the provider's own messages", raw)
      }))
  }
]

const isJson = Schema.is(Schema.Json)
