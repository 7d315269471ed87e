/**
 * A session's own history, from its file: it has all messages, those before a compaction included, under ids that stay.
 */
import { Clock, Effect, Option } from "effect"
import { ItemId } from "../../domain/Ids.ts"
import { ended, type Item } from "../../domain/Item.ts"
import type { HistoryMessage, ProviderHistory, TurnEvidence, TurnPlace } from "../../provider/ProviderAdapter.ts"
import * as Items from "../protocol/Items.ts"
import { statusOf } from "../turn/TurnItems.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Transcript from "./Transcript.ts"

const entries = Effect.fnUntraced(function*({ cli, sessionId }: LiveSession.LiveSession) {
  const file = yield* Transcript.find(cli.environment.config, sessionId)
  return Option.isNone(file) ? [] : yield* Transcript.read(file.value)
})

/** How long the file may take to have what the stream has shown. */
const patience = 3000

/**
 * The lines of the file, once it has the last message that the stream has shown; and whether it has: what is not there in time
 * is read without it.
 */
export const caughtUp = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  const { lastMessage } = live
  const begun = yield* Clock.currentTimeMillis
  while (true) {
    const all = yield* entries(live)
    const isThere = lastMessage === undefined || all.some(({ line }) => line.uuid === lastMessage)
    if (isThere || (yield* Clock.currentTimeMillis) - begun > patience) return { all, isWhole: isThere }
    yield* Effect.sleep("25 millis")
  }
})

export const read = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  const { all, isWhole } = yield* caughtUp(live)
  const { sessionId, cli: { version } } = live
  if (!isWhole) yield* LiveSession.apply(live, { _tag: "Behind" })
  const history: ProviderHistory = {
    format: `claude/${version}`,
    agentVersion: version,
    session: { sessionId, cost: all.findLast(({ line }) => line.type === "cost-state")?.raw ?? null },
    messages: messagesOf(all),
    ...(isWhole ? {} : { behind: true })
  }
  return history
})

type Entries = ReadonlyArray<Transcript.Entry>

/** What became of each call, by its id. */
const outcomesOf = (all: Entries): ReadonlyMap<string, Items.Outcome> =>
  new Map(
    all.flatMap(({ line }) =>
      Transcript.blocksOf(line).flatMap((block) =>
        block.type === "tool_result" && block.tool_use_id != null
          ? [
            [block.tool_use_id, {
              status: statusOf(block, line.permissionDecision?.decision),
              output: Items.outputOf(block.content),
              content: block.content,
              result: line.toolUseResult
            }] as const
          ]
          : []
      )
    )
  )

export const messagesOf = (all: Entries): ReadonlyArray<HistoryMessage> => {
  const outcomes = outcomesOf(all)
  const counts = new Map<string, number>()
  return all.filter(({ line }) => Transcript.isMessage(line)).map(({ line, raw }) => {
    const items = itemsOf(line, outcomes, counts)
    const at = Date.parse(line.timestamp ?? "")
    return {
      id: line.uuid ?? "",
      role: Transcript.isPrompt(line) ? "user" : line.type === "assistant" ? "assistant" : "other",
      at: Number.isNaN(at) ? undefined : at,
      finished: items.every((item) => !("status" in item) || item.status !== "running"),
      items,
      usage: undefined,
      raw
    }
  })
}

/** `counts` has the blocks of each message so far: a line has one block of it. */
const itemsOf = (
  line: Transcript.Line,
  outcomes: ReadonlyMap<string, Items.Outcome>,
  counts: Map<string, number>
): ReadonlyArray<Item> => {
  const blocks = Transcript.blocksOf(line)
  if (line.type === "user") {
    const text = blocks.flatMap((block) => block.type === "text" ? block.text ?? [] : []).join("\n")
    const attachments = blocks.flatMap(({ type }) => type === "text" ? [] : [type])
    return Transcript.isPrompt(line) && line.uuid != null
      ? [{ _tag: "UserMessage", itemId: ItemId.make(line.uuid), text, attachments }]
      : []
  }
  if (line.isApiErrorMessage === true) return []
  const messageId = line.message?.id ?? line.uuid ?? ""
  return blocks.flatMap((block): ReadonlyArray<Item> => {
    const counted = counts.get(messageId) ?? 0
    counts.set(messageId, counted + 1)
    if (block.type === "text" || block.type === "thinking") {
      const itemId = Items.textId(messageId, line.apiBlockIndex ?? counted)
      return [Items.textItem(block.type, itemId, block.text ?? block.thinking ?? "", undefined)]
    }
    const call = Items.callOf(block)
    return call === undefined
      ? []
      : [Items.toolItem(call, outcomes.get(call.id) ?? { status: "running" }, undefined)]
  })
}

export const evidence = Effect.fnUntraced(function*(live: LiveSession.LiveSession, { ref }: TurnPlace) {
  const { all } = yield* caughtUp(live)
  const isIts = ({ type, uuid }: Transcript.Line) => type === "user" && uuid === ref
  const turnOf = Transcript.turnOf(new Map(), (line) => isIts(line) || Transcript.begins(line))
  const own = ref === undefined ? [] : all.filter((entry) => turnOf(entry)?.line.uuid === ref)
  const evidence: TurnEvidence = own.length === 0 ? { outcome: "never-delivered", items: [] } : evidenceOf(own)
  return evidence
})

const evidenceOf = (own: Entries): TurnEvidence => ({
  outcome: outcomeOf(own),
  items: messagesOf(own).flatMap(({ items }) =>
    items.flatMap((item) => item._tag === "UserMessage" || ("text" in item && item.text === "") ? [] : [ended(item)])
  )
})

/** What Claude writes itself for an answer that was lost. */
const synthetic = "<synthetic>"

const outcomeOf = (own: Entries): TurnEvidence["outcome"] => {
  const last = own.findLast(({ line }) => Transcript.isMessage(line) && line.isMeta !== true)?.line
  if (last === undefined) return "unfinished"
  if (last.type === "user") {
    // After an interrupt Claude notes it, as a text that is no prompt.
    return Transcript.blocksOf(last).some(({ type }) => type === "text") && !Transcript.begins(last)
      ? "interrupted"
      : "unfinished"
  }
  if (last.isApiErrorMessage === true) return "failed"
  return last.message?.stop_reason === "tool_use" || last.message?.model === synthetic ? "unfinished" : "completed"
}
