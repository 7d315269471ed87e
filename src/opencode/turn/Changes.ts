/**
 * The model and the agent that answer, where they are others than before: a command or an agent may have a model of its
 * own, and an agent that has planned hands over to another one.
 */
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { AssistantInfo } from "../protocol/Message.ts"
import { inTurn, type State, type Step, step } from "./TurnState.ts"

/** What an answer of the agent itself says of who answers. */
export const of = (state: State, { agent, modelID, providerID }: AssistantInfo): Step => {
  const { using } = state
  if (using === undefined || agent === undefined || modelID === undefined || providerID === undefined) {
    return step(state)
  }
  const now = { agent, model: `${providerID}/${modelID}` }
  const model: ReadonlyArray<ProviderEvent> = now.model === using.model
    ? []
    : [{ _tag: "ModelChanged", ...inTurn(state), model: { id: now.model }, by: "agent" }]
  const mode: ReadonlyArray<ProviderEvent> = now.agent === using.agent
    ? []
    : [{ _tag: "ModeChanged", ...inTurn(state), mode: now.agent, by: "agent" }]
  return step({ ...state, using: now }, [...model, ...mode])
}
