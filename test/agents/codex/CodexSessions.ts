/**
 * The Codex adapter on the real binary with a scripted model. Sessions are driven through the adapter's contract. All that
 * share a Layer share a home, and app-servers.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Path, type Scope } from "effect"
import { codexConfig } from "../../../examples/support/CodexConfig.ts"
import * as Processes from "../../../examples/support/Processes.ts"
import { Codex } from "../../../src/codex/index.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import type { ProviderAdapter, StartInput, StartSessionError } from "../../../src/provider/ProviderAdapter.ts"
import { type ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import { drive, type Driven } from "../../support/Driven.ts"

export class CodexSessions extends Context.Service<CodexSessions, {
  readonly adapter: ProviderAdapter
  /** Echoes what it has no other answer for. */
  readonly model: ScriptedModel["Service"]
  readonly start: (input?: Partial<StartInput>) => Effect.Effect<Driven, StartSessionError, Scope.Scope>
  /** Where the sessions work. */
  readonly directory: string
  /** Codex's own home. */
  readonly home: string
  /** Processes of Codex that are alive, and what they run. */
  readonly processes: Processes.Processes
}>()("test/CodexSessions") {
  /** `retries`: how often Codex asks its model again. */
  static readonly layer = (options: Partial<Codex.Options> = {}, script?: ModelScript.ModelScript, retries = 0) =>
    Layer.effect(this, make(options, script, retries)).pipe(
      Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))
    )
}

const make = Effect.fnUntraced(function*(
  options: Partial<Codex.Options>,
  script: ModelScript.ModelScript | undefined,
  retries: number
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const model = yield* ScriptedModel.make(script)
  const processes = yield* Processes.make
  const folder = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-" }))
  const directory = path.join(folder, "work")
  yield* fs.makeDirectory(directory)
  const adapter = yield* Codex.make({
    isolated: { folder },
    ...options,
    config: { ...codexConfig(model, undefined, retries), ...options.config },
    env: { ...processes.env, SCRIPTED_API_KEY: "scripted-key", ...options.env }
  })
  let threads = 0
  return CodexSessions.of({
    adapter,
    model,
    directory,
    home: path.join(folder, "codex"),
    processes,
    start: (input = {}) =>
      adapter.startSession({
        threadId: ThreadId.make(`thread-${++threads}`),
        directory,
        runtimeMode: "approval-required",
        projectConfig: "instructions",
        from: { _tag: "New" },
        ...input
      }).pipe(Effect.flatMap(drive))
  })
})
