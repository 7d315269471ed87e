/** A compaction gate that a test holds in its hand, and what the scripted model is asked meanwhile. */
import { Deferred, Effect } from "effect"
import type { CompactionTrigger } from "../../src/domain/Compaction.ts"
import type { CompactionVerdict } from "../../src/provider/ProviderAdapter.ts"
import { ModelReply, type ModelRequest, ModelScript, ScriptedModel } from "../../src/testing/index.ts"
import type { Driven } from "./OpenCodeSessions.ts"

export const allow = (...context: ReadonlyArray<string>): CompactionVerdict => ({ _tag: "Allow", context })
export const veto: CompactionVerdict = { _tag: "Veto", reason: "not now" }

/** Waits to be told, and tells what it was asked. */
export const held = Effect.sync(() => {
  const asked: Array<CompactionTrigger> = []
  const interrupted: Array<number> = []
  const slots: Array<{
    readonly arrival: Deferred.Deferred<CompactionTrigger>
    readonly verdict: Deferred.Deferred<CompactionVerdict>
    readonly gone: Deferred.Deferred<void>
  }> = []
  const slot = (index: number) => {
    slots[index] ??= {
      arrival: Deferred.makeUnsafe(),
      verdict: Deferred.makeUnsafe(),
      gone: Deferred.makeUnsafe()
    }
    return slots[index]
  }
  const gate = (trigger: CompactionTrigger) =>
    Effect.suspend(() => {
      const index = asked.push(trigger) - 1
      const { arrival, gone, verdict } = slot(index)
      const leave = Effect.suspend(() => {
        interrupted.push(index)
        return Deferred.succeed(gone, undefined)
      })
      return Deferred.succeed(arrival, trigger).pipe(
        Effect.andThen(Deferred.await(verdict)),
        Effect.onInterrupt(() => leave)
      )
    })
  return {
    asked,
    interrupted,
    compaction: { auto: true, gate },
    /** Waits for the question of this number and answers what set the compaction off. */
    question: (index: number) => Effect.suspend(() => Deferred.await(slot(index).arrival)),
    answer: (index: number, verdict: CompactionVerdict) =>
      Effect.suspend(() => Deferred.succeed(slot(index).verdict, verdict)),
    /** Waits until nobody waits for this answer any more. */
    abandoned: (index: number) => Effect.suspend(() => Deferred.await(slot(index).gone))
  }
})

/** A request for a summary brings no tools. */
export const isSummary = ({ toolNames }: ModelRequest) => toolNames.length === 0

/** Answers a summary of its own to whoever asks for one. */
export const orSummary = (answer: ModelScript.ModelScript): ModelScript.ModelScript => (request) =>
  isSummary(request) ? ModelReply.text("In short.") : answer(request)

/** What the model was asked for a summary of this session. */
export const summaries = (model: ScriptedModel["Service"], { session }: Driven) =>
  Effect.map(
    model.requests,
    (requests) => requests.filter((request) => isSummary(request) && request.sessionId === session.sessionId)
  )

export const overflow = ModelReply.error(400, {
  body: { error: { message: "too long", code: "context_length_exceeded", type: "invalid_request_error" } }
})
