/**
 * A real, isolated OpenCode server whose model is scripted, with this library's own connection to it. About a second
 * and 400 MB each: share one among the tests of a file through `layer`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Path, type Scope } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { InstanceId } from "../../src/domain/Ids.ts"
import * as Api from "../../src/opencode/server/Api.ts"
import type { OpenCodeConnection } from "../../src/opencode/server/Connection.ts"
import * as EventHub from "../../src/opencode/server/EventHub.ts"
import * as Server from "../../src/opencode/server/Server.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import type { AgentStartError } from "../../src/provider/AdapterError.ts"
import { ModelScript, ScriptedModel } from "../../src/testing/index.ts"

export const instanceId = InstanceId.make("opencode-test")

/** What servers need of the platform. */
export const platform = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

export interface Opened extends Pick<OpenCodeConnection, "call" | "listening" | "subscribe"> {
  readonly server: Server.RunningServer
  readonly model: ScriptedModel["Service"]
  /** An empty workspace. */
  readonly directory: string
  /** Creates a session in the workspace and answers its id. */
  readonly createSession: Effect.Effect<string>
  /** Changes nothing of a session; OpenCode tells of it. */
  readonly touch: (sessionID: string) => Effect.Effect<void>
  /** Sends a prompt once the event stream carries what becomes of it; answers once the server has it. */
  readonly prompt: (sessionID: string, text: string) => Effect.Effect<void>
}

export const open = Effect.fnUntraced(function*(
  script: ModelScript.ModelScript,
  options: Partial<Server.ManagedOptions> = {}
): Effect.fn.Return<
  Opened,
  AgentStartError,
  Scope.Scope | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path | AgentProcesses
> {
  const directory = yield* workspace
  const model = yield* ScriptedModel.make(script)
  const server = yield* Server.managed({
    instanceId,
    isolated: true,
    stopDeadline: "3 seconds",
    ...options,
    config: { ...openCodeConfig(model), ...options.config }
  })
  const call = yield* Api.make(server)
  const { listening, subscribe } = yield* EventHub.make(server, { serverLost: server.exit })
  const createSession = call(
    "session.create",
    directory,
    (client, signal) => client.session.create({ title: "test" }, { signal })
  ).pipe(Effect.map(({ id }) => id), Effect.orDie)
  const touch = (sessionID: string) =>
    call(
      "session.update",
      directory,
      (client, signal) => client.session.update({ sessionID, permission: [] }, { signal })
    ).pipe(Effect.asVoid, Effect.orDie)
  const prompt = (sessionID: string, text: string) =>
    call(
      "session.promptAsync",
      directory,
      (client, signal) => client.session.promptAsync({ sessionID, parts: [{ type: "text", text }] }, { signal })
    ).pipe(Effect.asVoid, Effect.orDie)
  return {
    server,
    call,
    listening,
    subscribe,
    model,
    directory,
    createSession,
    touch,
    prompt: (sessionID, text) => Effect.andThen(listening(touch(sessionID)), prompt(sessionID, text))
  }
})

/** An empty folder with its real path, removed when the scope closes. */
export const workspace = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.makeTempDirectoryScoped({ prefix: "opencode-test-" }).pipe(Effect.flatMap(fs.realPath), Effect.orDie)
})

export class OpenCodeServer extends Context.Service<OpenCodeServer, Opened>()("test/OpenCodeServer") {
  static readonly layer = (script: ModelScript.ModelScript, options?: Partial<Server.ManagedOptions>) =>
    Layer.effect(this, open(script, options)).pipe(Layer.orDie, Layer.provideMerge(platform))
}

/** Whether a process with this id exists. */
export const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
