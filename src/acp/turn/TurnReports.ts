/**
 * What an agent tells beside messages, tool calls, requests and ends: plans, how full its context is, its mode, its
 * title, compactions, notices.
 */
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { fitting } from "../protocol/Lenient.ts"
import { configured, type Offered } from "../protocol/Offered.ts"
import type { Known, Update } from "../protocol/Update.ts"
import { place, type State, type Step, step } from "./TurnState.ts"

export const report = (state: State, update: Update): Step => {
  switch (update._tag) {
    case "plan":
      return step(state, [{
        _tag: "PlanUpdated",
        ...place(state),
        steps: fitting(update.entries).map(({ content, status }) => ({ text: content, status: planStatus(status) }))
      }])
    case "usage_update":
      return step(state, [{
        _tag: "ContextUpdated",
        ...place(state),
        used: update.used,
        ...(update.size == null || update.size === 0 ? {} : { window: update.size })
      }])
    case "current_mode_update": {
      const { offered } = state
      return offers(state, { ...offered, modes: { ...offered.modes, current: update.currentModeId } })
    }
    case "config_option_update":
      return offers(state, configured(state.offered, fitting(update.configOptions)))
    case "session_info_update":
      return step(state, update.title == null ? [] : [{ _tag: "TitleUpdated", title: update.title }])
    case "notice": {
      const message = [update.title, update.description].filter((part) => part != null).join("\n")
      return step(state, [{ _tag: "Warning", ...place(state), code: "notice", ...(message === "" ? {} : { message }) }])
    }
    case "compaction_update":
      return compaction(state, update)
    case "compaction_summary_chunk": {
      const { compaction } = state
      return step(
        compaction?.id === update.compactionId
          ? { ...state, compaction: { ...compaction, summary: compaction.summary + (update.content.text ?? "") } }
          : state
      )
    }
    case "available_commands_update": {
      // The first says what the session begins with.
      const commands = fitting(update.availableCommands).map(({ name }) => name).join("\n")
      const isOther = state.commands !== undefined && state.commands !== commands
      return step({ ...state, commands }, isOther ? [{ _tag: "OffersChanged", ...place(state) }] : [])
    }
    case "Unrecognized":
      return step(state, [{ _tag: "Unrecognized", ...place(state), type: update.type, raw: update.raw }])
    default:
      return step(state)
  }
}

/** What is another than before. A model that the agent was told to use it does not change to by itself. */
const offers = (state: State, offered: Offered): Step => {
  const { model, offered: before } = state
  const { current: mode } = offered.modes
  const { current: used = model } = offered.models
  const events: Array<ProviderEvent> = []
  if (mode !== undefined && mode !== before.modes.current) {
    events.push({ _tag: "ModeChanged", ...place(state), mode, by: "agent" })
  }
  if (used !== undefined && used !== model) {
    events.push({ _tag: "ModelChanged", ...place(state), model: { id: used }, by: "agent" })
  }
  if (idsOf(offered) !== idsOf(before)) events.push({ _tag: "OffersChanged", ...place(state) })
  return step({ ...state, offered, model: used }, events)
}

const idsOf = ({ models }: Offered): string => models.list.map(({ id }) => id).join("\n")

const planStatus = (status: string | null | undefined) =>
  status === "completed" ? "completed" : status === "in_progress" ? "in-progress" : "pending"

/** One that is told of for the first time has begun, also if it is over already. */
const compaction = (state: State, update: Extract<Known, { readonly _tag: "compaction_update" }>): Step => {
  const { compactionId: id, status } = update
  const known = state.compaction?.id === id ? state.compaction : undefined
  const begun: ReadonlyArray<ProviderEvent> = known === undefined
    ? [{ _tag: "CompactionStarted", ...place(state), trigger: "auto" }]
    : []
  if (status === "in_progress") return step({ ...state, compaction: known ?? { id, summary: "" } }, begun)
  const whole = fitting(update.summary).map(({ text }) => text ?? "").join("")
  const summary = whole === "" ? known?.summary ?? "" : whole
  return step({ ...state, compaction: undefined }, [
    ...begun,
    status === "completed"
      ? { _tag: "CompactionCompleted", ...place(state), ...(summary === "" ? {} : { summary }) }
      : { _tag: "CompactionFailed", ...place(state), name: status }
  ])
}
