/**
 * A thread's events as spans and numbers: a pure fold. What it knows is what is open, since when, and what its end is
 * measured by.
 */
import type { TurnId } from "../../domain/Ids.ts"
import type { NumberedEvent } from "../../domain/ThreadEvent.ts"
import { close, type Draft, make, type State } from "./draft.ts"
import type { Mark } from "./marks.ts"
import { key } from "./names.ts"
import * as turnTrace from "./turnTrace.ts"
import * as workTrace from "./workTrace.ts"

/** A turn that is about to be recorded or was not sent after all, or an event. */
export type Input =
  | NumberedEvent
  | {
    readonly _tag: "Intended"
    readonly turnId: TurnId
    readonly model: string | undefined
    readonly at: number
  }
  | { readonly _tag: "Withdrawn"; readonly turnId: TurnId; readonly at: number }

const startSession = (draft: Draft, event: Extract<NumberedEvent, { readonly _tag: "SessionStarted" }>): void => {
  const { continuity, instanceId, provider } = event
  const by = { [key.instance]: instanceId }
  if (!draft.state.live) draft.marks.push({ _tag: "Level", metric: "eca.sessions.live", by: 1, attributes: by })
  draft.state = {
    ...make({ threadId: event.threadId, provider, instanceId }),
    epoch: event.epoch,
    continuity: continuity._tag,
    agentVersion: event.agentVersion,
    live: true,
    open: draft.state.open
  }
  draft.marks.push({
    _tag: "Count",
    metric: "eca.sessions.started",
    by: 1,
    attributes: {
      ...by,
      [key.continuity]: continuity._tag,
      [key.loss]: "reason" in continuity ? continuity.reason : undefined
    }
  })
}

const endSession = (draft: Draft, event: Extract<NumberedEvent, { readonly _tag: "SessionEnded" }>): void => {
  const by = { [key.instance]: draft.state.instanceId }
  // All that is open in a session has its own end. What was missed of it, ends with it.
  for (const key of draft.state.open.keys()) close(draft, { key, at: event.at, ending: "interrupted", attributes: {} })
  if (draft.state.live) draft.marks.push({ _tag: "Level", metric: "eca.sessions.live", by: -1, attributes: by })
  draft.marks.push({
    _tag: "Count",
    metric: "eca.sessions.ended",
    by: 1,
    attributes: { ...by, [key.end]: event.reason }
  })
  draft.state = { ...draft.state, live: false }
}

const take = (draft: Draft, input: Input): void => {
  switch (input._tag) {
    case "Intended":
      return turnTrace.begin(draft, input.turnId, input.at, { model: input.model })
    case "Withdrawn":
      return turnTrace.withdraw(draft, input.turnId, input.at)
    case "SessionStarted":
      return startSession(draft, input)
    case "SessionEnded":
      return endSession(draft, input)
    case "TurnStarted":
      turnTrace.begin(draft, input.turnId, input.at, { model: input.input.model?.id })
      return turnTrace.say(draft, input.turnId, {
        [key.inputMessages]: { role: "user", text: () => input.input.prompt }
      })
    case "TurnBegan":
      return turnTrace.begin(draft, input.turnId, input.at, { cause: input.cause })
    case "ModelChanged":
      draft.state = { ...draft.state, model: input.model.id }
      return
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "TurnUnknown":
      return turnTrace.end(draft, input, input.at)
    case "Gap":
      draft.marks.push({ _tag: "Count", metric: "eca.events.gaps", by: 1, attributes: { [key.gap]: input.cause } })
      return
    default:
      return workTrace.take(draft, input)
  }
}

/** One input: what is known afterwards, and what is to be done. */
export const step = (
  state: State,
  input: Input
): { readonly state: State; readonly marks: ReadonlyArray<Mark> } => {
  const draft: Draft = { state, marks: [] }
  if ("turnId" in input && input.turnId !== undefined && tells(input)) turnTrace.hear(draft, input.turnId, input.at)
  take(draft, input)
  return draft
}

/** Whether the agent tells something of its turn by it, and not we. */
const tells = ({ _tag }: Input): boolean => _tag.startsWith("Item") || _tag.startsWith("Task") || _tag === "StepEnded"
