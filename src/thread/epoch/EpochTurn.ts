/**
 * The turns of an epoch, and how one ends: once, whatever ends it, and in the same step as what it leaves open.
 */
import { Equal } from "effect"
import type { TurnId } from "../../domain/Ids.ts"
import type { InterruptedBy, TerminalEvent } from "../../domain/ThreadEvent.ts"
import * as Usage from "../../domain/Usage.ts"
import * as Draft from "./EpochDraft.ts"
import type { Input, Running, Sending } from "./EpochState.ts"

type Of<Tag extends Input["_tag"]> = Extract<Input, { readonly _tag: Tag }>

export const send = ({ state }: Draft.Draft, { input, notes, turnId }: Of<"Sending">): void => {
  state.sending = { turnId, input, notes, held: [], interruptedBy: undefined }
}

const started = (draft: Draft.Draft, { input, turnId }: Sending): void => {
  draft.events.push({ _tag: "TurnStarted", turnId, input })
}

/** The agent has our turn. What it said of it meanwhile was held back and is for the caller to take in. */
export const accept = (draft: Draft.Draft): Sending | undefined => {
  const { sending } = draft.state
  if (sending === undefined) return undefined
  draft.state.sending = undefined
  // A note that came while the prompt was on its way waits for the next one.
  draft.state.notes = draft.state.notes.filter((note) => !sending.notes.includes(note))
  draft.state.running = {
    turnId: sending.turnId,
    startedAt: draft.at,
    text: "",
    usage: undefined,
    interruptedBy: sending.interruptedBy,
    deadline: undefined
  }
  started(draft, sending)
  draft.wants.push({ _tag: "TurnRunning", turnId: sending.turnId })
  return sending
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

export const interrupt = ({ state }: Draft.Draft, { by, turnId }: Of<"Interrupting">): void => {
  const { running, sending } = state
  if (running?.turnId === turnId) state.running = { ...running, interruptedBy: first(running.interruptedBy, by) }
  if (sending?.turnId === turnId) state.sending = { ...sending, interruptedBy: first(sending.interruptedBy, by) }
}

export const passDeadline = ({ state }: Draft.Draft, { failure, turnId }: Of<"DeadlinePassed">): void => {
  if (state.running?.turnId === turnId) state.running = { ...state.running, deadline: failure }
}

/** What we know better than the agent: a deadline of ours is a failure, who asked for an interrupt, and the usage. */
const corrected = (running: Running, terminal: TerminalEvent): TerminalEvent => {
  const event = terminal.usage === undefined || !Equal.equals(terminal.usage, Usage.zero) || running.usage === undefined
    ? terminal
    : { ...terminal, usage: running.usage }
  if (event._tag === "TurnUnknown" || event._tag === "TurnCompleted") return event
  if (running.deadline !== undefined) {
    return { _tag: "TurnFailed", turnId: running.turnId, failure: running.deadline, usage: event.usage }
  }
  return event._tag === "TurnInterrupted" && running.interruptedBy !== undefined
    ? { ...event, by: running.interruptedBy }
    : event
}

/** Ends the running turn, with its open items and requests. */
export const end = (draft: Draft.Draft, said: TerminalEvent): void => {
  const { running } = draft.state
  if (running === undefined || running.turnId !== said.turnId) return
  const terminal = corrected(running, said)
  Draft.cutItems(draft, running.turnId)
  Draft.settleRequests(draft, "turn-ended", running.turnId)
  draft.state.running = undefined
  draft.state.activeAt = draft.at
  draft.events.push(terminal)
  draft.wants.push({ _tag: "TurnOver", turnId: running.turnId, terminal, text: running.text })
  if (terminal._tag === "TurnFailed" && terminal.failure._tag === "ContextOverflow") {
    draft.wants.push({ _tag: "Overflowed" })
  }
}

/** Ends the running turn from our side. */
export const abandon = (draft: Draft.Draft, turnId: TurnId): void => {
  const { running } = draft.state
  if (running === undefined || running.turnId !== turnId) return
  const by = running.interruptedBy ?? "agent"
  end(draft, { _tag: "TurnInterrupted", turnId, by, usage: running.usage ?? Usage.zero })
}

/** Ends what runs, or is on its way, with its epoch. */
export const endWithEpoch = (draft: Draft.Draft, { exit, reason }: Of<"Ending">): void => {
  doubt(draft)
  const { running } = draft.state
  if (running === undefined) return
  const { turnId } = running
  const usage = running.usage ?? Usage.zero
  if (reason === "lost") {
    return end(draft, {
      _tag: "TurnFailed",
      turnId,
      failure: {
        _tag: "SessionLost",
        ...(exit?.exitCode === undefined ? {} : { exitCode: exit.exitCode }),
        ...(exit?.signal === undefined ? {} : { signal: exit.signal })
      },
      usage
    })
  }
  end(draft, {
    _tag: "TurnInterrupted",
    turnId,
    by: running.interruptedBy ?? (reason === "shutdown" ? "shutdown" : "stop"),
    usage
  })
}
