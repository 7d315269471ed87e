/**
 * Compactions of a live thread. One that is asked for is gated before Codex hears of it, since nothing else lets the gate's
 * context reach the model that writes the summary; one of Codex's own is gated by its hook, and what is handed over then
 * stands behind the summary (0.171.0).
 */
import { Effect, type Scope } from "effect"
import { GateMissing } from "../../provider/AdapterError.ts"
import type { CompactionVerdict, StartInput } from "../../provider/ProviderAdapter.ts"
import * as AppServer from "../process/AppServer.ts"
import type { Gate, Trigger } from "../process/Gate.ts"
import * as LiveSession from "./LiveSession.ts"
import { inject } from "./SessionStart.ts"

/** Whether Codex's own compactions have to be held. */
export const isWanted = ({ compaction }: StartInput): boolean =>
  compaction?.gate !== undefined || compaction?.auto === false

/** Fails where Codex would compact unasked. */
export const ready = Effect.fnUntraced(
  function*(server: AppServer.AppServer, gate: Gate | undefined, directory: string) {
    const holds = gate === undefined || (yield* AppServer.isGated(server, gate, directory))
    return holds
      ? Effect.void
      : Effect.fail(new GateMissing({ instanceId: server.instanceId, missing: "its PreCompact hook" }))
  }
)

/** Answers Codex's hook until the Scope closes. */
export const listen = (
  live: LiveSession.LiveSession,
  gate: Gate
): Effect.Effect<void, never, Scope.Scope> => gate.register(live.sessionId, (trigger) => hook(live, trigger))

const hook = Effect.fnUntraced(function*(live: LiveSession.LiveSession, trigger: Trigger) {
  // It was decided before it was asked for.
  if (trigger === "manual" && live.state.compaction?.trigger === "manual") return allowed
  yield* LiveSession.apply(live, { _tag: "Compacting", trigger: "auto" })
  const verdict = live.input.compaction?.auto === false
    ? veto("automatic compaction is off")
    : yield* decide(live, "auto")
  yield* LiveSession.apply(live, { _tag: "Decided", verdict })
  return verdict
})

/** An app-server that ends waits for no answer. */
const decide = Effect.fnUntraced(function*(live: LiveSession.LiveSession, trigger: Trigger) {
  const ask = live.input.compaction?.gate
  const verdict = ask === undefined
    ? allowed
    : yield* Effect.raceFirst(ask(trigger), Effect.as(live.server.peer.closed, veto("the agent has ended")))
  if (verdict._tag === "Allow" && verdict.context.length > 0) {
    yield* Effect.ignore(inject(live.server, live.sessionId, "developer", verdict.context))
  }
  return verdict
})

/** Answers once it has begun; the gate's answer and the end follow in the events. */
export const compact = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  yield* LiveSession.apply(live, { _tag: "Compacting", trigger: "manual" })
  yield* Effect.gen(function*() {
    const verdict = yield* decide(live, "manual")
    yield* LiveSession.apply(live, { _tag: "Decided", verdict })
    if (verdict._tag === "Veto") return
    yield* live.server.peer.call("thread/compact/start", { threadId: live.sessionId }).pipe(
      Effect.catch(({ _tag }) => LiveSession.apply(live, { _tag: "CompactionRefused", name: _tag }))
    )
  }).pipe(Effect.forkIn(live.scope))
}, Effect.uninterruptible)

const allowed: CompactionVerdict = { _tag: "Allow", context: [] }
const veto = (reason: string): CompactionVerdict => ({ _tag: "Veto", reason })
