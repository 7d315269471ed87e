/** Adapters that are not held, lose what was said, or do not know what they work on. */
import { Deferred, Effect, Scope, Stream } from "effect"
import type { CompactionTrigger } from "../../src/domain/Compaction.ts"
import { TaskId } from "../../src/domain/Ids.ts"
import type { CompactionVerdict, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { type Breach, events, sessions, shortened, starting } from "./Breach.ts"

type Gate = (trigger: CompactionTrigger) => Effect.Effect<CompactionVerdict>

/** Another gate than the one that was given. */
const gating = (change: (gate: Gate) => Gate) =>
  starting((start) => (input) => {
    const gate = input.compaction?.gate
    return start(
      gate === undefined || input.compaction === undefined
        ? input
        : { ...input, compaction: { ...input.compaction, gate: change(gate) } }
    )
  })

const allowed: CompactionVerdict = { _tag: "Allow", context: [] }

/** The same start with a gate that is watched: `held` waits while it is asked. */
const watched = (input: StartInput) => {
  const gate = input.compaction?.gate
  let over = Deferred.makeUnsafe<void>()
  Deferred.doneUnsafe(over, Effect.void)
  const known: Gate = (trigger) =>
    Effect.suspend(() => {
      const mine = over = Deferred.makeUnsafe<void>()
      return Effect.ensuring(gate?.(trigger) ?? Effect.succeed(allowed), Deferred.succeed(mine, undefined))
    })
  return {
    held: Effect.suspend(() => Deferred.await(over)),
    input: gate === undefined || input.compaction === undefined
      ? input
      : { ...input, compaction: { ...input.compaction, gate: known } }
  }
}

/** Context is taken away, or handed over otherwise. */
const sending = (change: (prompt: string, context: ReadonlyArray<string>) => string) =>
  sessions((session) => ({
    sendTurn: (turn) => {
      const { context, ...input } = turn.input
      return session.sendTurn({ ...turn, input: { ...input, prompt: change(input.prompt, context ?? []) } })
    }
  }))

export const breaches: ReadonlyArray<Breach> = [
  {
    rule: "gate/declared",
    what: "declares that it cannot be held, and says of its sessions that they can",
    mock: { capabilities: { compactionGate: "observe-only" } },
    adapter: sessions((session) => ({ capabilities: { ...session.capabilities, compactionGate: "blocking" } }))
  },
  {
    rule: "gate/asked",
    what: "asks, and does not wait for the answer",
    adapter: gating((gate) => (trigger) => Effect.as(Effect.forkDetach(gate(trigger)), allowed))
  },
  {
    rule: "gate/asked",
    what: "asks twice",
    adapter: gating((gate) => (trigger) => Effect.andThen(gate(trigger), gate(trigger)))
  },
  {
    rule: "gate/asked",
    what: "never asks",
    adapter: gating(() => () => Effect.succeed(allowed))
  },
  {
    rule: "gate/auto",
    what: "takes its own compactions for somebody's wish",
    adapter: gating((gate) => () => gate("manual"))
  },
  {
    rule: "gate/history",
    what: "does not answer while it is held",
    adapter: starting((start) => (given) => {
      const { held, input } = watched(given)
      return Effect.map(start(input), (session) => ({ ...session, history: Effect.andThen(held, session.history) }))
    })
  },
  {
    rule: "gate/veto",
    what: "compacts in spite of a veto",
    adapter: gating((gate) => (trigger) =>
      Effect.map(gate(trigger), (verdict) => verdict._tag === "Veto" ? allowed : verdict)
    )
  },
  {
    rule: "gate/context",
    what: "keeps what the gate hands over to itself",
    adapter: gating((gate) => (trigger) =>
      Effect.map(gate(trigger), (verdict) => verdict._tag === "Allow" ? allowed : verdict)
    )
  },
  {
    rule: "gate/close",
    what: "waits for the gate when it is closed",
    adapter: starting((start) =>
      Effect.fnUntraced(function*(given) {
        // The session outlives the scope that it should have closed with.
        const scope = Scope.makeUnsafe()
        const { held, input } = watched(given)
        const session = yield* Scope.provide(start(input), scope)
        yield* Effect.addFinalizer((exit) => Effect.andThen(held, Scope.close(scope, exit)))
        return session
      })
    )
  },
  {
    rule: "gate/passed",
    what: "keeps to itself that it did not wait for the gate",
    adapter: events((event) => {
      if (event._tag !== "CompactionStarted") return [event]
      const { unheld: _, ...held } = event
      return [held]
    })
  },
  {
    rule: "gate/auto-off",
    what: "compacts whenever it likes",
    adapter: starting((start) => (input) =>
      start(input.compaction === undefined ? input : { ...input, compaction: { ...input.compaction, auto: true } })
    )
  },
  {
    rule: "gate/missing",
    what: "takes turns although nothing could hold it",
    adapter: sessions((session) => ({
      sendTurn: (turn) => Effect.catchTag(session.sendTurn(turn), "GateMissing", () => Effect.void)
    }))
  },
  {
    rule: "history/complete",
    what: "forgets what it has summed up",
    adapter: sessions((session) => {
      let compacted = false
      return {
        events: Stream.tap(
          session.events,
          (event) => Effect.sync(() => compacted ||= event._tag === "CompactionCompleted")
        ),
        history: Effect.map(session.history, (history) => ({
          ...history,
          messages: compacted ? history.messages.slice(-1) : history.messages
        }))
      }
    })
  },
  {
    rule: "history/complete",
    what: "numbers its messages anew each time",
    adapter: sessions((session) => {
      let read = 0
      return {
        history: Effect.map(session.history, (history) => {
          read++
          return { ...history, messages: history.messages.map((message, n) => ({ ...message, id: `${read}/${n}` })) }
        })
      }
    })
  },
  {
    rule: "history/behind",
    what: "calls whole what it has not written yet",
    adapter: sessions((session) => ({
      history: Effect.map(session.history, (history) => ({ ...history, behind: false }))
    }))
  },
  {
    rule: "history/raw-plain",
    what: "hands its own objects out",
    adapter: sessions((session) => ({
      history: Effect.map(session.history, (history) => ({
        ...history,
        messages: history.messages.map((message) => ({ ...message, raw: { message: message.raw, at: undefined } }))
      }))
    }))
  },
  {
    rule: "turn/context",
    what: "loses what a turn brings as context",
    adapter: sending((prompt) => prompt)
  },
  {
    rule: "turn/context",
    what: "leaves out the middle of a long context",
    adapter: sessions((session) => ({
      sendTurn: (turn) =>
        session.sendTurn({ ...turn, input: { ...turn.input, context: turn.input.context?.map(shortened) ?? [] } })
    }))
  },
  {
    rule: "turn/context",
    what: "puts a turn's context into the user's mouth",
    adapter: sending((prompt, context) => [prompt, ...context].join(" "))
  },
  {
    rule: "background/idle",
    what: "tells of a task with each turn, and never of its end",
    adapter: events((event) =>
      event._tag === "TurnCompleted"
        ? [event, {
          _tag: "TaskStarted",
          task: { taskId: TaskId.make("t"), kind: "command", title: "x", status: "running" }
        }]
        : [event]
    )
  },
  {
    rule: "background/busy",
    what: "does not tell when a task ends",
    adapter: events((event) => event._tag === "TaskEnded" ? [] : [event])
  }
]
