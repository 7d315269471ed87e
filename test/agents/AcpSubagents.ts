/** In a supervised mode a subagent of an ACP agent does nothing that the user was not asked for. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Schedule } from "effect"
import { Acp, type Profile } from "../../src/acp/index.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import { ModelReply, type ModelScript } from "../../src/testing/index.ts"
import { drive, items } from "../support/Driven.ts"
import { World } from "./AcpWorld.ts"

export interface Subject {
  /** The agent's folder. */
  readonly name: string
  readonly profile: Profile.Profile
  readonly optionsOf: (world: World["Service"]) => Acp.Options
  /** The agent's own tool that runs a command. */
  readonly run: (command: string) => ModelReply.Reply
  /** The one that has a subagent do what the prompt says. */
  readonly delegate: (prompt: string) => ModelReply.Reply
  /**
   * What becomes of a command of a subagent's. `asks`: it waits for its own approval. `declined`: no subagent is started,
   * since it would not ask. `waits`: it is neither asked for nor run, so the turn waits for an interrupt.
   */
  readonly command: "asks" | "declined" | "waits"
}

const script = ({ delegate, run }: Subject): ModelScript.ModelScript => (request) => {
  if (request.afterToolResult) return ModelReply.text("Done.")
  if (request.lastUserText.includes("have it made")) return delegate("make the file")
  return request.lastUserText.includes("make the file") ? run("touch made") : ModelReply.text("Done.")
}

export const prove = (subject: Subject) => {
  const { command, name, profile } = subject
  const services = World.layer(script(subject)).pipe(
    Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))
  )
  layer(services, { timeout: "120 seconds", excludeTestServices: true })(`subagents of ${name}`, (it) => {
    const start = Effect.gen(function*() {
      const world = yield* World
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-subagents-" }))
      const options = subject.optionsOf(world)
      const { runtimeModes } = Acp.capabilities(profile, options)
      const { startSession } = yield* Acp.make({ ...options, profile })
      const driven = yield* startSession({
        threadId: ThreadId.make("thread"),
        directory,
        runtimeMode: runtimeModes.includes("approval-required") ? "approval-required" : "auto-accept-edits",
        projectConfig: "trust",
        from: { _tag: "New" }
      }).pipe(Effect.flatMap(drive))
      return { driven, made: fs.exists(`${directory}/made`), model: world.model }
    })

    it.effect.skipIf(command !== "asks")(
      `P7 ${name}: a command of a subagent in a supervised mode waits for its own approval`,
      () =>
        Effect.gen(function*() {
          const { driven, made } = yield* start
          yield* driven.send("have it made")
          // The subagent itself may have to be approved first.
          const { request } = yield* Effect.repeat(
            Effect.tap(driven.next("ApprovalRequested"), ({ request: { kind, requestId } }) =>
              kind === "command"
                ? Effect.void
                : driven.session.respondToApproval(requestId, { _tag: "AllowOnce" })),
            { until: ({ request: { kind } }) => kind === "command" }
          )
          assert.include(request.subject, "touch made")
          assert.isFalse(yield* made)
          yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
          yield* driven.ending
          assert.isTrue(yield* made)
        }).pipe(Effect.scoped)
    )

    it.effect.skipIf(command !== "declined")(
      `P7 ${name}: no subagent is started in a supervised mode, since its commands would run unasked`,
      () =>
        Effect.gen(function*() {
          const { driven, made } = yield* start
          yield* driven.run("have it made")
          assert.notInclude(driven.seen.map(({ _tag }) => _tag), "ApprovalRequested")
          assert.deepStrictEqual(items(driven, "ToolCall").map(({ kind, status }) => [kind, status]), [
            ["subagent", "declined"]
          ])
          assert.isFalse(yield* made)
        }).pipe(Effect.scoped)
    )

    it.effect.skipIf(command !== "waits")(
      `P7 ${name}: a command of a subagent in a supervised mode is not run, and its turn can be interrupted`,
      () =>
        Effect.gen(function*() {
          const { driven, made, model } = yield* start
          const turnId = yield* driven.send("have it made")
          yield* Effect.repeat(model.requests, {
            until: (all) => all.some(({ lastUserText }) => lastUserText.includes("make the file")),
            schedule: Schedule.spaced("50 millis")
          })
          yield* driven.session.interruptTurn(turnId)
          assert.strictEqual((yield* driven.ending)._tag, "TurnInterrupted")
          assert.isFalse(yield* made)
        }).pipe(Effect.scoped)
    )
  })
}
