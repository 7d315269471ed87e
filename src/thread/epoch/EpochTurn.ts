/**
 * The turns of an epoch, and how one ends: once, whatever ends it, and in the same step as what it leaves open.
 *
 * The agent works on one turn at a time. A second one can be with it all the same: it begins a turn of its own while ours is
 * on its way, or takes ours while it works on its own. The second waits behind the first.
 */
import type { TurnId } from "../../domain/Ids.ts"
import type { InterruptedBy, ProviderEvent, TerminalEvent } from "../../domain/ThreadEvent.ts"
import type { TurnCause } from "../../domain/TurnCause.ts"
import * as Usage from "../../domain/Usage.ts"
import * as Draft from "./EpochDraft.ts"
import type { Input, Running, Sending, State } from "./EpochState.ts"

type Of<Tag extends Input["_tag"]> = Extract<Input, { readonly _tag: Tag }>

/** A turn that the agent has. */
export const find = ({ behind, running }: State, turnId: TurnId): Running | undefined =>
  running?.turnId === turnId ? running : behind.find((turn) => turn.turnId === turnId)

/** Changes a turn that the agent has: this one, or the one that it works on. */
export const update = (
  { state }: Draft.Draft,
  turnId: TurnId | undefined,
  change: (turn: Running) => Running
): void => {
  if (state.running !== undefined && (turnId === undefined || state.running.turnId === turnId)) {
    state.running = change(state.running)
  } else if (state.behind.length > 0) {
    state.behind = state.behind.map((turn) => turn.turnId === turnId ? change(turn) : turn)
  }
}

export const send = ({ state }: Draft.Draft, { input, notes, turnId }: Of<"Sending">): void => {
  state.sending = { turnId, input, notes, held: [], interruptedBy: undefined }
}

const started = (draft: Draft.Draft, { input, turnId }: Sending): void => {
  draft.events.push({ _tag: "TurnStarted", turnId, input })
}

const takeUp = (
  draft: Draft.Draft,
  turnId: TurnId,
  cause: TurnCause | undefined,
  interruptedBy: InterruptedBy | undefined
): void => {
  const turn: Running = {
    turnId,
    cause,
    startedAt: draft.at,
    text: "",
    usage: undefined,
    interruptedBy,
    deadline: undefined,
    emptySteps: 0,
    lastCall: undefined,
    sameCalls: 0
  }
  if (draft.state.running === undefined) draft.state.running = turn
  else draft.state.behind = [...draft.state.behind, turn]
  draft.wants.push({ _tag: "TurnRunning", turnId })
}

/** What was told is not told again. A note that came while the prompt was on its way waits for the next one. */
const told = ({ state }: Draft.Draft, notes: State["notes"]): void => {
  if (notes.length > 0) state.notes = state.notes.filter((note) => !notes.includes(note))
}

/** The agent has more words for its turn, which may have ended meanwhile. */
export const steer = (draft: Draft.Draft, { input, notes, turnId }: Of<"Steered">): void => {
  told(draft, notes)
  draft.events.push({ _tag: "TurnSteered", turnId, input })
}

/** The agent has our turn. What it said of it meanwhile was held back and is for the caller to take in. */
export const accept = (draft: Draft.Draft): Sending | undefined => {
  const { sending } = draft.state
  if (sending === undefined) return undefined
  draft.state.sending = undefined
  draft.state.ownTurns = 0
  told(draft, sending.notes)
  started(draft, sending)
  takeUp(draft, sending.turnId, undefined, sending.interruptedBy)
  return sending
}

/** The agent has begun a turn of its own. */
export const begin = (draft: Draft.Draft, event: Extract<ProviderEvent, { readonly _tag: "TurnBegan" }>): void => {
  draft.events.push(event)
  takeUp(draft, event.turnId, event.cause, undefined)
}

/** Our turn was proved not to have reached the agent: it leaves nothing behind. */
export const refuse = (draft: Draft.Draft): void => {
  const { sending } = draft.state
  if (sending === undefined) return
  draft.state.sending = undefined
  draft.state.activeAt = draft.at
  draft.wants.push({ _tag: "TurnOver", turnId: sending.turnId, terminal: undefined, text: "" })
}

/** Our turn may have reached the agent: it is recorded, and its outcome is unknown. */
export const doubt = (draft: Draft.Draft): void => {
  const { sending } = draft.state
  if (sending === undefined) return
  draft.state.sending = undefined
  draft.state.activeAt = draft.at
  started(draft, sending)
  const terminal = { _tag: "TurnUnknown", turnId: sending.turnId, reason: "delivery-uncertain" } as const
  draft.events.push(terminal)
  draft.wants.push({ _tag: "TurnOver", turnId: sending.turnId, terminal, text: "" })
}

/** The first to ask counts as the interrupter; a shutdown of the host overrides every other. */
const first = (before: InterruptedBy | undefined, by: InterruptedBy): InterruptedBy =>
  by === "shutdown" ? by : before ?? by

export const interrupt = (draft: Draft.Draft, { by, turnId }: Of<"Interrupting">): void => {
  const { sending } = draft.state
  update(draft, turnId, (turn) => ({ ...turn, interruptedBy: first(turn.interruptedBy, by) }))
  if (sending?.turnId === turnId) draft.state.sending = { ...sending, interruptedBy: first(sending.interruptedBy, by) }
}

export const passDeadline = (draft: Draft.Draft, { failure, turnId }: Of<"DeadlinePassed">): void =>
  update(draft, turnId, (turn) => ({ ...turn, deadline: failure }))

/** What we know better than the agent: a deadline of ours is a failure, who asked for an interrupt, and the usage. */
const corrected = (turn: Running, terminal: TerminalEvent): TerminalEvent => {
  const event = terminal.usage === undefined || turn.usage === undefined || Usage.isTelling(terminal.usage)
    ? terminal
    : { ...terminal, usage: turn.usage }
  if (event._tag === "TurnUnknown" || event._tag === "TurnCompleted") return event
  if (turn.deadline !== undefined) {
    return { _tag: "TurnFailed", turnId: turn.turnId, failure: turn.deadline, usage: event.usage }
  }
  return event._tag === "TurnInterrupted" && turn.interruptedBy !== undefined
    ? { ...event, by: turn.interruptedBy }
    : event
}

/** The next turn has its time from here on. */
const leave = ({ at, state }: Draft.Draft, turn: Running): void => {
  if (state.running !== turn) {
    state.behind = state.behind.filter((other) => other !== turn)
    return
  }
  const [next, ...behind] = state.behind
  state.running = next === undefined ? undefined : { ...next, startedAt: at }
  state.behind = behind
}

/** Ends a turn, with its open items and requests. */
export const end = (draft: Draft.Draft, said: TerminalEvent): void => {
  const turn = find(draft.state, said.turnId)
  if (turn === undefined) return
  const terminal = corrected(turn, said)
  Draft.cutItems(draft, turn.turnId)
  Draft.settleRequests(draft, "turn-ended", turn.turnId)
  leave(draft, turn)
  draft.state.spent = Usage.spend(draft.state.spent, terminal.usage)
  draft.state.activeAt = draft.at
  draft.events.push(terminal)
  draft.wants.push({ _tag: "TurnOver", turnId: turn.turnId, terminal, text: turn.text })
  if (terminal._tag === "TurnFailed" && terminal.failure._tag === "ContextOverflow") {
    draft.wants.push({ _tag: "Overflowed" })
  }
}

/** Ends a turn from our side. */
export const abandon = (draft: Draft.Draft, turnId: TurnId): void => {
  const turn = find(draft.state, turnId)
  if (turn === undefined) return
  const by = turn.interruptedBy ?? "agent"
  end(draft, { _tag: "TurnInterrupted", turnId, by, usage: turn.usage ?? Usage.unknown })
}

/** Ends what runs, or is on its way, with its epoch. */
export const endWithEpoch = (draft: Draft.Draft, ending: Of<"Ending">): void => {
  doubt(draft)
  for (let turn = draft.state.running; turn !== undefined; turn = draft.state.running) {
    end(draft, terminalOf(turn, ending))
  }
}

const terminalOf = (turn: Running, { exit, reason }: Of<"Ending">): TerminalEvent => {
  const usage = turn.usage ?? Usage.unknown
  return reason === "lost"
    ? { _tag: "TurnFailed", turnId: turn.turnId, failure: { _tag: "SessionLost", ...exit }, usage }
    : {
      _tag: "TurnInterrupted",
      turnId: turn.turnId,
      by: turn.interruptedBy ?? (reason === "shutdown" ? "shutdown" : "stop"),
      usage
    }
}
