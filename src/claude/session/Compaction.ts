/**
 * Hooks of a live session: which tools are asked for, how long they took, and the gate before compactions. Claude waits for their answers as long
 * as they take.
 */
import { Deferred, Effect, type FileSystem, type Path } from "effect"
import { ItemId } from "../../domain/Ids.ts"
import { AgentProtocolError, GateMissing } from "../../provider/AdapterError.ts"
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"
import * as Delivery from "./Delivery.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Policy from "./Policy.ts"

type Needs = FileSystem.FileSystem | Path.Path

/** Fails where Claude would compact unasked. */
export const ready = ({ cli, input }: LiveSession.LiveSession): Effect.Effect<void, GateMissing> =>
  cli.hooked || input.compaction?.gate === undefined
    ? Effect.void
    : new GateMissing({ instanceId: cli.instanceId, missing: "its PreCompact hook" })

export const hook = (
  live: LiveSession.LiveSession,
  { callback_id, input }: Parameters<LiveSession.Answerers["hook"]>[1]
): Effect.Effect<object, never, Needs> => {
  switch (callback_id) {
    case "tool":
      return Effect.succeed(toolDecision(live, input.tool_name ?? ""))
    case "ran":
      return Effect.as(ran(live, input), {})
    case "compact":
      return gate(live, input.trigger === "manual" ? "manual" : "auto")
    case "compacted":
      return Effect.as(LiveSession.apply(live, { _tag: "Summarized", summary: input.compact_summary ?? undefined }), {})
    default:
      return Effect.succeed({})
  }
}

/** How long a tool has worked, without what it waited for the user. */
const ran = (
  live: LiveSession.LiveSession,
  { duration_ms: durationMillis, tool_use_id: id }: Parameters<LiveSession.Answerers["hook"]>[1]["input"]
) =>
  id == null || durationMillis == null
    ? Effect.void
    : LiveSession.apply(live, { _tag: "Ran", itemId: ItemId.make(id), durationMillis })

const toolDecision = ({ runtimeMode }: LiveSession.LiveSession, tool: string): object => {
  const permissionDecision = Policy.decision(runtimeMode, tool)
  return permissionDecision === undefined ? {} : {
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision,
      ...(permissionDecision === "deny" ? { permissionDecisionReason: "The session is read-only." } : {})
    }
  }
}

/** `systemMessage` reaches the model that writes the summary. */
const gate = Effect.fnUntraced(function*(live: LiveSession.LiveSession, trigger: "auto" | "manual") {
  yield* LiveSession.apply(live, { _tag: "Compacting", trigger })
  yield* Effect.forEach(live.compactions, (waiting) => Deferred.succeed(waiting, undefined), { discard: true })
  const ask = live.input.compaction?.gate
  const verdict: CompactionVerdict = ask === undefined
    ? { _tag: "Allow", context: [] }
    : yield* ask(trigger)
  yield* LiveSession.apply(live, { _tag: "Decided", verdict })
  if (verdict._tag === "Veto") return { decision: "block", reason: verdict.reason }
  return verdict.context.length === 0 ? {} : { systemMessage: verdict.context.join("\n\n") }
})

/** Answers once the gate is asked; the end follows in the events. */
export const compact = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  yield* ready(live)
  const begun = yield* Deferred.make<void>()
  live.compactions.add(begun)
  yield* Effect.gen(function*() {
    const { done } = yield* Delivery.post(live, "/compact")
    const first = yield* Effect.raceFirst(
      Effect.as(Deferred.await(begun), "begun"),
      Effect.raceFirst(Effect.as(done, "done"), Effect.as(live.cli.peer.closed, "closed"))
    )
    if (first !== "begun") {
      // There was nothing to compact.
      return yield* new AgentProtocolError({
        instanceId: live.cli.instanceId,
        operation: "compact",
        name: first,
        body: null
      })
    }
  }).pipe(Effect.ensuring(Effect.sync(() => live.compactions.delete(begun))))
})
