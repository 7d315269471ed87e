/**
 * The app: the library, an agent, a store, and a loop that does what it is told. Everything a real server needs is in
 * the first thirty lines. It has no code for restarts, for the reaper or for moves: `sendTurn` goes on where the
 * conversation stopped, whatever happened to the session.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Logger, Schema, Stdio, Stream } from "effect"
import { Qwen } from "../../src/acp/index.ts"
import { Claude } from "../../src/claude/index.ts"
import { Codex } from "../../src/codex/index.ts"
import { CodingAgents, InstanceId, ProviderService, SessionStore } from "../../src/index.ts"
import { OpenCode } from "../../src/opencode/index.ts"
import { claudeEnvironment } from "../support/ClaudeEnvironment.ts"
import { codexConfig } from "../support/CodexConfig.ts"
import { openCodeConfig } from "../support/OpenCodeConfig.ts"
import * as Processes from "../support/Processes.ts"
import { qwenEnvironment, qwenFiles } from "../support/QwenEnvironment.ts"
import { Command, CommandLine, type Reply, ReplyLine, Settings, threadId } from "./Protocol.ts"

// An agent inherits nothing that is not named; the run finds what it has started by this.
const inherit = [Processes.variable]

const agent = (settings: Settings) => {
  const { scripted } = settings
  switch (settings.agent) {
    case "claude":
      return Claude.layer({
        inherit,
        ...(scripted === undefined ? {} : { env: claudeEnvironment(scripted), isolated: { folder: scripted.home } })
      })
    case "codex":
      return Codex.layer({
        inherit,
        ...(scripted === undefined ? {} : {
          config: codexConfig(scripted),
          env: { SCRIPTED_API_KEY: "not-a-key" },
          isolated: { folder: scripted.home }
        })
      })
    case "opencode":
      return OpenCode.layer({
        inherit,
        // With its last session the server goes too, so that a follow-up has nothing but the disk to go by.
        idleTimeToLive: "100 millis",
        ...(scripted === undefined ? {} : { config: openCodeConfig(scripted), isolated: { folder: scripted.home } })
      })
    case "qwen":
      return Qwen.layer({
        inherit,
        ...(scripted === undefined ? {} : {
          env: qwenEnvironment(scripted),
          isolated: { folder: scripted.home, files: qwenFiles }
        })
      })
  }
}

const app = (settings: Settings) =>
  CodingAgents.layer({
    agents: agent(settings),
    store: SessionStore.layerSqlite({ filename: settings.store }),
    settings: { reaper: { idleAfter: "1 second", sweepEvery: "250 millis" } }
  })

const obey = Effect.fnUntraced(function*(command: Command, { agent, model }: Settings) {
  const agents = yield* ProviderService
  switch (command._tag) {
    case "Start":
      return yield* agents.startSession({
        threadId,
        instanceId: InstanceId.make(agent),
        directory: command.directory,
        runtimeMode: "approval-required",
        title: "Continuity",
        model: model === undefined ? undefined : { id: model }
      })
    case "Watch":
      return yield* agents.streamEvents({ threadId, after: command.after }).pipe(
        Stream.runForEach((event) => say({ _tag: "Event", event })),
        Effect.forkScoped
      )
    case "Send":
      return yield* agents.sendTurn({ threadId, prompt: command.prompt })
    case "Decide":
      return yield* agents.respondToApproval({ threadId, requestId: command.requestId, decision: command.decision })
  }
})

const say = (reply: Reply) => Effect.flatMap(Effect.orDie(Schema.encodeEffect(ReplyLine)(reply)), Console.log)

/** Works until its stdin ends. */
const serve = Effect.fnUntraced(function*(settings: Settings) {
  const stdio = yield* Stdio.Stdio
  yield* say({ _tag: "Ready" })
  yield* stdio.stdin.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.mapEffect((line) => Schema.decodeEffect(CommandLine)(line)),
    Stream.runForEach((command) =>
      Effect.catch(
        obey(command, settings),
        (error) => say({ _tag: "Failed", error: error._tag, message: error.message })
      )
    )
  )
}, Effect.scoped)

Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const [argument] = yield* stdio.args
  const settings = yield* Schema.decodeUnknownEffect(Settings)(argument)
  yield* Effect.provide(serve(settings), app(settings))
}).pipe(
  Effect.provide([NodeServices.layer, Layer.succeed(Logger.LogToStderr, true)]),
  NodeRuntime.runMain
)
