/** Lifecycle events to give to hooks, and one try of a registered hook, without the service that calls hooks. */
import { Array, Context, Effect, Layer } from "effect"
import * as LifecycleEvent from "../../src/domain/LifecycleEvent.ts"
import type { SessionEndReason } from "../../src/domain/ThreadEvent.ts"
import type { GuardedEvent, TransformPatch } from "../../src/hooks/HookVerdict.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import {
  Epoch,
  InstanceId,
  ProviderName,
  ProviderService,
  RequestId,
  SessionId,
  ThreadId,
  TurnId
} from "../../src/index.ts"
import { TranscriptArchive } from "../../src/service/TranscriptArchive.ts"
import * as LifecycleRecord from "../../src/store/LifecycleRecord.ts"

const at = 1_700_000_000_000

const identity = (directory: string): LifecycleEvent.Identity => ({
  provider: ProviderName.make("mock"),
  instanceId: InstanceId.make("mock"),
  sessionId: SessionId.make("ses_1"),
  directory
})

export const snapshot = {
  snapshotId: "snap_1",
  path: "/archive/snap_1/manifest.json",
  sha256: "00",
  timing: "before",
  completeness: "complete",
  messages: 2,
  bytes: 10,
  bytesWritten: 10,
  durationMillis: 1
} as const

/** Events of a session in this directory. */
export const events = (directory: string, epoch = 1) => {
  const place = { seq: 1, at, threadId: ThreadId.make("thread"), epoch: Epoch.make(epoch) }
  const who = identity(directory)
  return {
    sessionStart: (source: LifecycleEvent.StartSource = "new") =>
      LifecycleRecord.make<"session:start">(place, who, "", {
        _tag: "session:start",
        source,
        continuity: { _tag: "Created" }
      }),
    sessionEnd: (reason: SessionEndReason = "stopped") =>
      LifecycleRecord.make<"session:end">(place, who, "", {
        _tag: "session:end",
        reason,
        endedAt: at,
        endedAtEstimated: false
      }),
    sessionReset: () =>
      LifecycleRecord.make<"session:reset">(place, who, "", {
        _tag: "session:reset",
        previousSessionId: who.sessionId,
        nextSessionId: SessionId.make("ses_2")
      }),
    turnStart: (prompt = "Fix it", turn = "turn_1") => ({
      ...LifecycleRecord.make<"turn:start">(place, who, turn, { _tag: "turn:start", turnId: TurnId.make(turn) }),
      input: { prompt }
    }),
    turnEnd: (outcome: "completed" | "failed" | "interrupted" | "unknown" = "completed") =>
      LifecycleRecord.make<"turn:end">(place, who, "turn_1", {
        _tag: "turn:end",
        turnId: TurnId.make("turn_1"),
        outcome,
        ...(outcome === "failed" ? { failure: { _tag: "ContextOverflow" } } : {})
      }),
    approval: () =>
      LifecycleRecord.make<"approval:requested">(place, who, "per_1", {
        _tag: "approval:requested",
        request: { requestId: RequestId.make("per_1"), kind: "command", subject: "rm -rf build", detail: {} }
      }),
    compactionBefore: (trigger: "auto" | "manual" | "overflow" = "auto") =>
      LifecycleRecord.make<"compaction:before">(place, who, "cmp_1", {
        _tag: "compaction:before",
        compactionId: "cmp_1",
        trigger,
        vetoable: true,
        snapshot
      }),
    compactionAfter: (outcome: "completed" | "failed" = "completed") =>
      LifecycleRecord.make<"compaction:after">(place, who, "cmp_1", {
        _tag: "compaction:after",
        compactionId: "cmp_1",
        trigger: "manual",
        outcome,
        summary: "They fixed it."
      })
  }
}

const services = Layer.merge(Layer.mock(ProviderService)({}), Layer.mock(TranscriptArchive)({}))

/** Registers the hooks of a layer until the scope closes. Each call is one try of each hook of the phase that wants it. */
export const open = Effect.fnUntraced(function*<E, R>(layer: Layer.Layer<never, E, LifecycleHooks | R>) {
  const context = yield* Layer.build(Layer.provideMerge(layer, LifecycleHooks.layer))
  const list = yield* Context.get(context, LifecycleHooks).list
  const wanted = (event: LifecycleEvent.LifecycleEvent) =>
    list.filter((hook) => "events" in hook && LifecycleEvent.matches(hook.events, event._tag))
  return {
    list,
    observe: (event: LifecycleEvent.LifecycleEvent) =>
      Effect.forEach(wanted(event), (hook) => hook.phase === "observe" ? hook.run(event) : Effect.void, {
        discard: true
      }).pipe(Effect.provide(services)),
    guard: (event: GuardedEvent) =>
      Effect.forEach(
        wanted(event),
        (hook) => hook.phase === "guard" ? Effect.asSome(hook.run(event)) : Effect.succeedNone
      )
        .pipe(Effect.map(Array.getSomes), Effect.provide(services)),
    transform: (event: GuardedEvent) =>
      Effect.forEach(
        wanted(event),
        (hook) => hook.phase === "transform" ? hook.run(event) : Effect.succeed<TransformPatch>({})
      ).pipe(Effect.map((patches) => patches.flatMap(({ context }) => context ?? [])), Effect.provide(services))
  }
})
