/**
 * The runtime mode of a live session. Nearly all of it is what this library answers, so another one holds at once. But a
 * session that was started in `full-access` may run without the hook that has Claude ask, and it runs what skills and commands
 * call a shell for without asking (2.1.332). Claude takes that setting while it runs.
 */
import { Effect } from "effect"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { AgentError } from "../../provider/AdapterError.ts"
import * as LiveSession from "./LiveSession.ts"

/** False, and nothing has changed, where Claude does not ask about its tools. */
export const take = Effect.fnUntraced(function*(
  live: LiveSession.LiveSession,
  runtimeMode: RuntimeMode
): Effect.fn.Return<boolean, AgentError> {
  if (runtimeMode !== "full-access") {
    if (!live.cli.hooked) return false
    if (live.skillShell) {
      yield* LiveSession.call(live, "apply_flag_settings", { settings: { disableSkillShellExecution: true } })
      live.skillShell = false
    }
  }
  live.runtimeMode = runtimeMode
  return true
})
