/**
 * Tools that ran although the mode says that they are asked about first: OpenCode was kept from asking, by an "always" that
 * another client gave, or by rules that it changed (1.18.33).
 */
import { ItemId } from "../../domain/Ids.ts"
import type { PermissionRequest } from "../protocol/Frame.ts"
import type { ToolPart } from "../protocol/Message.ts"
import * as Permissions from "./Permissions.ts"
import { including, type State, type Step, step, type Want } from "./TurnState.ts"

/** The permission that a tool asks for before each use. Others ask for none, or only now and then. */
const permissions = new Map([
  ["bash", "bash"],
  ["edit", "edit"],
  ["write", "edit"],
  ["apply_patch", "edit"],
  ["webfetch", "webfetch"],
  ["websearch", "websearch"]
])

/** OpenCode has asked about this call. */
export const asked = (state: State, { tool }: PermissionRequest): State =>
  tool === undefined ? state : { ...state, asked: including(state.asked, tool.callID) }

/** Looks at a call that is over. What was said while the stream was down is not known. */
export const completed = (state: State, part: ToolPart, recovered: boolean): Step => {
  if (part.state.status !== "completed" || state.items.done.has(ItemId.make(part.id))) return step(state)
  if (state.asked.has(part.callID)) {
    const asked = new Set(state.asked)
    asked.delete(part.callID)
    return step({ ...state, asked })
  }
  const permission = permissions.get(part.tool)
  const known = !recovered && state.turn?.holed !== true
  if (!known || permission === undefined || isChangeOfDirectory(part)) return step(state)
  if (Permissions.decide(state.policy, undefined, permission, []) === "allow") return step(state)
  const unasked: Want = { _tag: "Unasked", tool: part.tool }
  return step(state, [], [unasked])
}

/** `cd` alone is not asked about (1.18.33). */
const isChangeOfDirectory = ({ state: { input }, tool }: ToolPart): boolean => {
  const command = input["command"]
  return tool === "bash" && typeof command === "string" && /^\s*cd(\s+[^\s;&|`$<>()]+)?\s*$/.test(command)
}
