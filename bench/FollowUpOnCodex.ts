/**
 * The first follow-up after the host was killed with `kill -9`, on Codex: a new host opens the store, settles what the crash
 * left, ends the orphaned app-server, starts a new one, resumes the thread and sends. Against it the restart by hand:
 * spawn, `thread/resume`, `turn/start`, until the same proof, which is its answer. Each in a fresh process, from after
 * its imports.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Schema } from "effect"
import { figure } from "./support/Figure.ts"
import * as FollowUp from "./support/FollowUp.ts"
import { script } from "./support/Script.ts"

const Times = Schema.Struct({ accepted: Schema.Finite })

const rounds = { warmup: 1, measured: 9 }

export const measure = Effect.gen(function*() {
  const times = yield* FollowUp.rounds(script("CodexFollowUpProcess"), Times, rounds)
  return [
    figure({
      name: "first follow-up accepted after kill -9, Codex",
      unit: "ms",
      ours: times.map(({ ours }) => ours.accepted),
      raw: times.map(({ raw }) => raw.accepted),
      goal: { text: "within 1.1x of a raw restart", met: ({ ratio }) => ratio <= 1.1 }
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
