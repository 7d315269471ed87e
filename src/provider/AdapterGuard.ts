/**
 * What every adapter passes through on its way to the service, and what the service passes through on its way to an
 * agent: JSON of bounded depth comes in, well-formed text goes out. What an adapter reports and is none is normalised, and
 * never costs the session.
 *
 * @since 0.1.0
 */
import { Effect, Predicate, Result, Schema, Stream } from "effect"
import * as BoundedJson from "../domain/BoundedJson.ts"
import type { Item } from "../domain/Item.ts"
import { isTerminal, ProviderEvent } from "../domain/ThreadEvent.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import { unknown, type Usage } from "../domain/Usage.ts"
import type {
  CompactionVerdict,
  HistoryMessage,
  ProviderAdapter,
  ProviderSession,
  ProviderTurn,
  StartFrom,
  StartInput
} from "./ProviderAdapter.ts"

/** A field that must be there: JSON has no `undefined`. */
const value = (value: unknown): unknown => value === undefined ? null : BoundedJson.bound(value)

/** An item whose value of unknown origin is JSON of bounded depth. */
export const item = (item: Item): Item => {
  if (item._tag !== "ToolCall") return item
  const input = value(item.input)
  return input === item.input ? item : { ...item, input }
}

/** JSON has no other numbers; one that is not known is left out. */
const usage = (usage: Usage): Usage => {
  const known = Object.entries(usage).filter(([, value]) => Number.isFinite(value))
  return known.length === Object.keys(usage).length ? usage : Object.fromEntries(known)
}

/** With what must be there and JSON cannot say. */
const complete = (event: ProviderEvent): ProviderEvent => {
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
    case "ItemCompleted":
      return event.item._tag === "ToolCall" && event.item.input === undefined
        ? { ...event, item: { ...event.item, input: null } }
        : event
    case "ElicitationRequested": {
      const { form } = event.request
      return form._tag === "Form" && form.schema === undefined
        ? { ...event, request: { ...event.request, form: { ...form, schema: null } } }
        : event
    }
    case "ApprovalRequested":
      return event.request.detail === undefined ? { ...event, request: { ...event.request, detail: null } } : event
    case "Unrecognized":
      return event.raw === undefined ? { ...event, raw: null } : event
    default:
      return event
  }
}

/** The agent's own values lie two levels deep in an event. */
const json = (event: ProviderEvent): unknown => BoundedJson.bound(event, BoundedJson.maxDepth + 2)

const isEvent = Schema.is(ProviderEvent)

/** What is no event of ours is kept with its raw value; the end of a turn stays one. */
const invalid = (event: ProviderEvent, raw: unknown): ProviderEvent => {
  const end = {
    _tag: "TurnFailed",
    turnId: "turnId" in event ? event.turnId : undefined,
    failure: { _tag: "Other", name: "EventInvalid", message: `The adapter's ${event._tag} is not an event` },
    usage: unknown
  }
  return isTerminal(event) && isEvent(end) ? end : { _tag: "Unrecognized", type: String(event._tag), raw }
}

/** A message that holds its text and nothing else: with deltas, most of all events. */
const isMessage = (event: ProviderEvent): boolean =>
  (event._tag === "ItemStarted" || event._tag === "ItemCompleted") &&
  (event.item._tag === "AssistantMessage" || event.item._tag === "Reasoning") &&
  Predicate.isString(event.item.text) && Object.keys(event.item).length === 3 && Object.keys(event).length === 3

/**
 * One bad value must not cost the session: what JSON does not have is normalised, and what is no event then, or cannot even
 * be looked at, is kept as `Unrecognized`.
 */
const event = (event: ProviderEvent): ProviderEvent => {
  if (event._tag === "ItemDelta" && Predicate.isString(event.delta)) return event
  return Result.getOrElse(
    Result.try(() => {
      if (isMessage(event)) return event
      const safe = json(complete(event))
      return isEvent(safe) ? safe : invalid(event, safe)
    }),
    () => invalid(event, null)
  )
}

/** The same array where nothing in it changes, as is nearly always so. */
const each = <A>(values: ReadonlyArray<A>, change: (value: A) => A): ReadonlyArray<A> => {
  const at = values.findIndex((value) => change(value) !== value)
  return at === -1 ? values : values.map(change)
}

const message = (message: HistoryMessage): HistoryMessage => {
  const items = each(message.items, item)
  const raw = value(message.raw)
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

const session = (session: ProviderSession): ProviderSession =>
  overlaid(session, {
    events: Stream.mapArray(session.events, (events) => {
      const at = events.findIndex((one) => event(one) !== one)
      return at === -1 ? events : [event(events[0]), ...events.slice(1).map(event)]
    }),
    sendTurn: (input) => session.sendTurn(turn(input)),
    steerTurn: (input) => session.steerTurn(turn(input)),
    history: Effect.map(session.history, (history) => ({
      ...history,
      messages: each(history.messages, message),
      session: value(history.session)
    })),
    evidence: (asked) =>
      Effect.map(session.evidence(asked), (evidence) => ({ ...evidence, items: each(evidence.items, item) }))
  })

/**
 * The object with some of its fields replaced. Not a copy: an object of a class keeps its methods, accessors and private
 * fields, and fields that change are read when they are asked for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const overlaid = <A extends object>(object: A, fields: Partial<A>): A =>
  new Proxy(object, {
    get: (target, key) => {
      const field: unknown = Reflect.get(Object.hasOwn(fields, key) ? fields : target, key)
      return Predicate.isFunction(field) ? field.bind(target) : field
    }
  })

/**
 * The adapter as the service uses it. It and its sessions may be records or objects of a class.
 *
 * @category combinators
 * @since 0.1.0
 */
export const guarded = (adapter: ProviderAdapter): ProviderAdapter =>
  overlaid(adapter, { startSession: (input) => Effect.map(adapter.startSession(startInput(input)), session) })
