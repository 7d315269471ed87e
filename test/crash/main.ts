/** `npm run test:crash -- --cycles 200 --seed 1`: exits with 1 if anything that must hold did not. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Agents from "./Agents.ts"
import * as Crash from "./Crash.ts"

class Broken extends Schema.TaggedError<Broken>()("Broken", { broken: Schema.Array(Schema.String) }) {
  override get message() {
    return this.broken.join("\n")
  }
}

const flags = {
  cycles: Flag.Int("cycles").pipe(Flag.withDescription("How often a host is killed"), Flag.withDefault(200)),
  seed: Flag.Int("seed").pipe(Flag.withDescription("Decides when"), Flag.withDefault(1)),
  agents: Flag.Literals("agent", Agents.names).pipe(
    Flag.withDescription("Named several times, the thread is swapped between them (default: opencode)"),
    Flag.atLeast(0),
    Flag.map((agents) => agents.length === 0 ? ["opencode" as const] : agents)
  )
}

Command.make(
  "crash",
  flags,
  Effect.fnUntraced(function*({ agents, cycles, seed }) {
    const began = yield* Clock.currentTimeMillis
    const summary = yield* Crash.run({ agents, cycles, seed, progress: (text) => Console.log(text) })
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - began) / 1000)
    yield* Console.log(JSON.stringify({ ok: summary.broken.length === 0, cycles, seconds, ...summary }))
    if (summary.broken.length > 0) return yield* new Broken({ broken: summary.broken })
  })
).pipe(
  Command.withDescription("Kills a host at random points of its turns and checks what its successor makes of it"),
  Command.run({ version: "0.1.0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
