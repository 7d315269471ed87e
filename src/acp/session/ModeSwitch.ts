/**
 * Another runtime mode of a live session: another answer of ours to the agent's questions, and another mode of the agent's
 * where the two differ in that.
 */
import { Effect, Equal } from "effect"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { Mode, Profile } from "../Profile.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Selection from "./Selection.ts"

/** Whether its modes differ by nothing that a process is started with. */
export const isLive = ({ modes }: Profile): boolean => Object.values(modes).every((mode) => mode?.launch === undefined)

const strictness = ["deny", "ask", "edits", "allow"] as const satisfies ReadonlyArray<Mode["answer"]>

const isStricter = (one: Mode, other: Mode): boolean =>
  strictness.indexOf(one.answer) < strictness.indexOf(other.answer)

/** Tells the agent. In a plan it stays in its own mode for that, and comes out of it into the new one. */
const tell = Effect.fnUntraced(function*(live: LiveSession.LiveSession, own: string) {
  if (live.agentMode !== live.mode.mode) return
  const before = live.agentMode
  // It tells of it before it answers.
  live.agentMode = own
  const offered = yield* Effect.tapError(Selection.setMode(live, live.state.offered, own), () =>
    Effect.sync(() => {
      live.agentMode = before
    }))
  yield* LiveSession.apply(live, { _tag: "Chosen", offered })
})

/** False, and nothing has changed, where the mode takes another process. What is stricter holds before the agent is told. */
export const take = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  runtimeMode: RuntimeMode
): Effect.fn.Return<boolean, AgentError> {
  const before = live.mode
  const next = live.profile.modes[runtimeMode]
  if (next === undefined || !Equal.equals(next.launch, before.launch)) return false
  const { mode: own } = next
  if (own !== before.mode) {
    if (own === undefined || !live.state.offered.modes.list.includes(own)) return false
    if (isStricter(next, before)) live.mode = { ...before, answer: next.answer }
    yield* Effect.tapError(tell(live, own), () =>
      Effect.sync(() => {
        live.mode = before
      }))
  }
  live.mode = next
  live.runtimeMode = runtimeMode
  return true
})
