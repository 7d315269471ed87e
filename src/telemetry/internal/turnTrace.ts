/**
 * Turns: one span each, from the intent to the terminal event, and what it has used.
 */
import type { TurnId } from "../../domain/Ids.ts"
import type { TerminalEvent } from "../../domain/ThreadEvent.ts"
import type { TurnFailure } from "../../domain/TurnFailure.ts"
import * as TurnOutcome from "../../domain/TurnOutcome.ts"
import type { Usage } from "../../domain/Usage.ts"
import { close, type Draft, open } from "./draft.ts"
import type { Attributes, Content, Ending } from "./marks.ts"
import * as Marks from "./marks.ts"
import { key } from "./names.ts"

/** `provider/model` where the agent serves several providers of models; else the agent stands for it. */
const modelProvider = (model: string | undefined, provider: string): string => {
  const slash = model?.indexOf("/") ?? -1
  return model === undefined || slash <= 0 ? provider : model.slice(0, slash)
}

interface Given {
  /** The model that is asked for. */
  readonly model?: string | undefined
  /** Why the agent began it. */
  readonly cause?: string | undefined
}

/** Does nothing if the turn is open. */
export const begin = (draft: Draft, turnId: TurnId, at: number, given: Given = {}): void => {
  if (draft.state.open.has(Marks.turnKey(turnId))) return
  const { agentVersion, continuity, epoch, instanceId, provider } = draft.state
  const model = given.model ?? draft.state.model
  const by = {
    [key.operation]: "invoke_agent",
    [key.provider]: modelProvider(model, provider),
    [key.agent]: provider,
    [key.model]: model,
    [key.instance]: instanceId
  }
  open(draft, {
    key: Marks.turnKey(turnId),
    within: [],
    name: "invoke_agent",
    word: provider,
    at,
    attributes: {
      ...by,
      [key.turn]: turnId,
      [key.epoch]: epoch,
      [key.agentVersion]: agentVersion,
      [key.continuity]: continuity,
      [key.cause]: given.cause
    }
  }, { by, level: "eca.turns.running" })
}

/** Cached tokens are input, as the conventions have it; our own `input` is without them. */
const inputOf = ({ cacheRead, cacheWrite, input }: Usage): number | undefined =>
  input === undefined && cacheRead === undefined && cacheWrite === undefined
    ? undefined
    : (input ?? 0) + (cacheRead ?? 0) + (cacheWrite ?? 0)

const usageOf = (usage: Usage): Attributes => ({
  [key.input]: inputOf(usage),
  [key.output]: usage.output,
  [key.cacheRead]: usage.cacheRead,
  [key.cacheWrite]: usage.cacheWrite,
  [key.cost]: usage.costUsd
})

const finishes: Partial<Record<TurnFailure["_tag"], string>> = {
  OutputTruncated: "length",
  OutputFiltered: "content_filter"
}

const finishOf = (event: TerminalEvent): string | undefined => {
  switch (event._tag) {
    case "TurnCompleted":
      return "stop"
    case "TurnFailed":
      return finishes[event.failure._tag] ?? "error"
    default:
      return undefined
  }
}

const endingOf = (event: TerminalEvent): Ending => {
  switch (event._tag) {
    case "TurnCompleted":
      return "ok"
    case "TurnInterrupted":
      return "interrupted"
    case "TurnFailed":
      return { error: event.failure._tag }
    case "TurnUnknown":
      return { error: event.reason }
  }
}

const tokens = (draft: Draft, usage: Usage, by: Attributes): void => {
  const count = (type: string, tokens: number | undefined) => {
    if (tokens === undefined || tokens <= 0) return
    const { [key.agent]: agent, [key.model]: model, [key.provider]: provider } = by
    const attributes = { [key.agent]: agent, [key.model]: model, [key.provider]: provider, [key.tokenType]: type }
    draft.marks.push({ _tag: "Count", metric: "gen_ai.client.inference.tokens", by: tokens, attributes })
  }
  count("input", inputOf(usage))
  count("output", usage.output)
}

export const end = (draft: Draft, event: TerminalEvent, at: number): void => {
  const turn = Marks.turnKey(event.turnId)
  // The turn of an earlier run, or one that began before there was a telemetry: it has no length.
  begin(draft, event.turnId, at)
  const ending = endingOf(event)
  const outcome = TurnOutcome.of(event)
  const error = typeof ending === "string" ? undefined : ending.error
  const finish = finishOf(event)
  const closed = close(draft, {
    key: turn,
    at,
    ending,
    attributes: {
      [key.outcome]: outcome,
      [key.error]: error,
      [key.finish]: finish === undefined ? undefined : [finish],
      [key.interruptedBy]: event._tag === "TurnInterrupted" ? event.by : undefined,
      ...(event.usage === undefined ? {} : usageOf(event.usage))
    }
  })
  if (closed === undefined) return
  const { instanceId } = draft.state
  const { seconds, work } = closed
  const counted = { [key.instance]: instanceId, [key.outcome]: outcome }
  draft.marks.push({ _tag: "Count", metric: "eca.turns", by: 1, attributes: counted })
  // How long a turn took that nothing observed to its end is not known.
  if (outcome !== "unknown") {
    const attributes = { ...work.by, [key.error]: error }
    draft.marks.push({ _tag: "Measure", metric: "gen_ai.invoke_agent.duration", seconds, attributes })
  }
  if (event.usage !== undefined) tokens(draft, event.usage, work.by)
}

/** It was not sent after all. */
export const withdraw = (draft: Draft, turnId: TurnId, at: number): void => {
  const attributes = { [key.outcome]: "refused", [key.error]: "refused" }
  close(draft, { key: Marks.turnKey(turnId), at, ending: { error: "refused" }, attributes })
}

/** Measures how long it took until the agent told something of the turn. */
export const hear = (draft: Draft, turnId: TurnId, at: number): void => {
  const turn = Marks.turnKey(turnId)
  const work = draft.state.open.get(turn)
  if (work === undefined || work.heard === true) return
  draft.state = { ...draft.state, open: new Map(draft.state.open).set(turn, { ...work, heard: true }) }
  const attributes = { [key.instance]: draft.state.instanceId }
  const seconds = Math.max(0, at - work.at) / 1000
  draft.marks.push({ _tag: "Measure", metric: "eca.turn.time_to_first_event", seconds, attributes })
}

/** What is said in a turn. */
export const say = (draft: Draft, turnId: TurnId, content: Content): void => {
  draft.marks.push({ _tag: "Note", key: Marks.turnKey(turnId), content })
}
