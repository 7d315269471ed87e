/**
 * What every adapter passes through on its way to the service, and what the service passes through on its way to an
 * agent: JSON of bounded depth comes in, well-formed text goes out.
 *
 * @since 0.1.0
 */
import { Effect, Stream } from "effect"
import * as BoundedJson from "../domain/BoundedJson.ts"
import type { Item } from "../domain/Item.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import { type Usage, zero } from "../domain/Usage.ts"
import type {
  CompactionVerdict,
  HistoryMessage,
  ProviderAdapter,
  ProviderSession,
  ProviderTurn,
  StartFrom,
  StartInput
} from "./ProviderAdapter.ts"

const item = (item: Item): Item => {
  if (item._tag !== "ToolCall") return item
  const input = BoundedJson.bound(item.input)
  return input === item.input ? item : { ...item, input }
}

/** JSON has no other numbers: a turn's end that holds one could not be read back. */
const usage = (usage: Usage): Usage => {
  const known = Object.entries(usage).filter(([, value]) => Number.isFinite(value))
  return known.length === Object.keys(usage).length ? usage : { ...zero, ...Object.fromEntries(known) }
}

const event = (event: ProviderEvent): ProviderEvent => {
  switch (event._tag) {
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "UsageUpdated": {
      const finite = usage(event.usage)
      return finite === event.usage ? event : { ...event, usage: finite }
    }
    case "ItemStarted":
    case "ItemUpdated":
    case "ItemCompleted": {
      const bounded = item(event.item)
      return bounded === event.item ? event : { ...event, item: bounded }
    }
    case "ApprovalRequested": {
      const detail = BoundedJson.bound(event.request.detail)
      return detail === event.request.detail ? event : { ...event, request: { ...event.request, detail } }
    }
    case "Unrecognized": {
      const raw = BoundedJson.bound(event.raw)
      return raw === event.raw ? event : { ...event, raw }
    }
    default:
      return event
  }
}

/** The same array where nothing in it changes, as is nearly always so. */
const each = <A>(values: ReadonlyArray<A>, change: (value: A) => A): ReadonlyArray<A> => {
  const at = values.findIndex((value) => change(value) !== value)
  return at === -1 ? values : values.map(change)
}

const message = (message: HistoryMessage): HistoryMessage => {
  const items = each(message.items, item)
  const raw = BoundedJson.bound(message.raw)
  return items === message.items && raw === message.raw ? message : { ...message, items, raw }
}

const wellFormed = (text: string): string => text.isWellFormed() ? text : text.toWellFormed()

const turnInput = (input: TurnInput): TurnInput => {
  const prompt = wellFormed(input.prompt)
  const context = input.context === undefined ? undefined : each(input.context, wellFormed)
  return prompt === input.prompt && context === input.context
    ? input
    : { ...input, prompt, ...(context === undefined ? {} : { context }) }
}

const turn = (turn: ProviderTurn): ProviderTurn => {
  const input = turnInput(turn.input)
  return input === turn.input ? turn : { ...turn, input }
}

const verdict = (verdict: CompactionVerdict): CompactionVerdict =>
  verdict._tag === "Allow"
    ? { ...verdict, context: each(verdict.context, wellFormed) }
    : { ...verdict, reason: wellFormed(verdict.reason) }

const startFrom = (from: StartFrom): StartFrom =>
  from._tag === "Seeded" ? { ...from, transcript: wellFormed(from.transcript) } : from

const startInput = (input: StartInput): StartInput => {
  const gate = input.compaction?.gate
  return {
    ...input,
    ...(input.title === undefined ? {} : { title: wellFormed(input.title) }),
    from: startFrom(input.from),
    ...(input.compaction === undefined || gate === undefined
      ? {}
      : { compaction: { ...input.compaction, gate: (trigger) => Effect.map(gate(trigger), verdict) } })
  }
}

const session = (session: ProviderSession): ProviderSession => ({
  ...session,
  events: Stream.mapArray(session.events, (events) => {
    const at = events.findIndex((one) => event(one) !== one)
    return at === -1 ? events : [event(events[0]), ...events.slice(1).map(event)]
  }),
  sendTurn: (input) => session.sendTurn(turn(input)),
  steerTurn: (input) => session.steerTurn(turn(input)),
  history: Effect.map(session.history, (history) => ({
    ...history,
    messages: each(history.messages, message),
    session: BoundedJson.bound(history.session)
  })),
  evidence: (asked) =>
    Effect.map(session.evidence(asked), (evidence) => ({ ...evidence, items: each(evidence.items, item) }))
})

/**
 * The adapter as the service uses it. Its sessions are plain records.
 *
 * @category combinators
 * @since 0.1.0
 */
export const guarded = (adapter: ProviderAdapter): ProviderAdapter => ({
  ...adapter,
  startSession: (input) => Effect.map(adapter.startSession(startInput(input)), session)
})
