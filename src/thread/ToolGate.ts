/**
 * The guards of `tool:before`, as a session asks them. A veto is recorded as an approval that was asked for and denied, so that
 * readers and hooks see what did not run, and why.
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { RequestId, type TurnId } from "../domain/Ids.ts"
import type { ToolRequest } from "../domain/UserRequest.ts"
import type { ToolGuard, ToolVerdict } from "../provider/ToolGuard.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

const ask = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  { turnId = Epoch.turnOf(live.state), ...tool }: Parameters<ToolGuard>[0]
): Effect.fn.Return<ToolVerdict> {
  const { epoch, threadId } = live.binding
  const requestId = RequestId.make(`guard-${randomUUID()}`)
  const turn = turnId === undefined ? {} : { turnId }
  const answer = yield* deps.hooks.guardTool(
    LifecycleRecord.make<"tool:before">(
      { seq: live.log.lastSeq ?? 0, at: deps.clock.currentTimeMillisUnsafe(), threadId, epoch },
      live.binding,
      requestId,
      { _tag: "tool:before", ...turn, tool }
    )
  )
  if (answer._tag !== "Veto") return answer
  yield* Effect.ignore(record(deps, live, { requestId, tool, turn, hook: answer.hook, reason: answer.reason }), {
    log: "Warn"
  })
  return { _tag: "Veto", reason: answer.reason }
})

/** As a session is given it, which may ask before it is bound to its thread. */
export const of = (deps: ThreadDeps, opened: { readonly live: LiveEpoch.LiveEpoch | undefined }): ToolGuard => (tool) =>
  opened.live === undefined
    ? Effect.succeed({ _tag: "Veto", reason: "the session is being started" })
    : ask(deps, opened.live, tool)

const record = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, { hook, reason, requestId, tool, turn }: {
  readonly requestId: RequestId
  readonly tool: ToolRequest
  readonly turn: { readonly turnId?: TurnId }
  readonly hook: string
  readonly reason: string
}) =>
  LiveEpoch.advance(deps, live, {
    _tag: "Noted",
    events: [
      { _tag: "ApprovalRequested", ...turn, request: { ...tool, requestId } },
      {
        _tag: "ApprovalSettled",
        ...turn,
        requestId,
        by: "hook",
        actor: hook,
        decision: { _tag: "Deny", reason }
      }
    ]
  })
