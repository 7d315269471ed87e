/**
 * The first follow-up after the host was killed with `kill -9`: a new host opens the store, settles what the crash left,
 * ends the orphaned server, starts a new one, resumes the session and sends. Against it the agent's own restart by hand:
 * spawn the server, `session.get`, `promptAsync`. Each in a fresh process, from after its imports.
 *
 * The goal is held against the moment `promptAsync` answers. That answer proves nothing (OpenCode 1.18.33 stores the
 * prompt afterwards, and `sendTurn` waits for that), so the time until it is stored is a second comparison.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Schema } from "effect"
import { figure } from "./support/Figure.ts"
import * as FollowUp from "./support/FollowUp.ts"
import { script } from "./support/Script.ts"

const Times = Schema.Struct({ answered: Schema.Finite, stored: Schema.Finite })

const rounds = { warmup: 1, measured: 5 }

export const measure = Effect.gen(function*() {
  const times = yield* FollowUp.rounds(script("FollowUpProcess"), Times, rounds)
  // Held against both: the restart until OpenCode answers, and until it has what we call accepted.
  const goal = {
    text: "within 1.2x of the agent's restart",
    met: ({ ratio }: { readonly ratio: number }) => ratio <= 1.2
  }
  return [
    figure({
      name: "first follow-up accepted after kill -9, OpenCode",
      unit: "ms",
      ours: times.map(({ ours }) => ours.stored),
      raw: times.map(({ raw }) => raw.answered),
      goal
    }),
    figure({
      name: "the same, raw until the prompt is stored",
      unit: "ms",
      ours: times.map(({ ours }) => ours.stored),
      raw: times.map(({ raw }) => raw.stored),
      goal
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
