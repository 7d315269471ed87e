/** Hands behind the back of a real agent, as conformance fixtures have them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Path, type Scope } from "effect"
import { kill } from "node:process"
import type * as Processes from "../../examples/support/Processes.ts"
import type { SessionId } from "../../src/index.ts"
import type { Controls } from "../../src/testing/Conformance.ts"
import type { ModelRequest, ScriptedModel } from "../../src/testing/index.ts"

/** Of an agent whose processes are ours to kill. */
export const processes = ({ alive, left }: Processes.Processes) =>
  ({
    crashExit: { signal: "SIGKILL" },
    crashAgent: () =>
      Effect.flatMap(
        alive,
        // One that has ended since it was looked for is as good as killed.
        Effect.forEach(({ pid }) => Effect.ignore(Effect.try(() => kill(pid, "SIGKILL"))), { discard: true })
      ),
    processes: Effect.map(left, (left) => left.map(({ pid }) => pid))
  }) satisfies Controls

/** That there is such a file, until the scope closes. */
export const present = (file: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* Effect.acquireRelease(fs.writeFileString(file, ""), () => Effect.ignore(fs.remove(file)))
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

export interface Door {
  /** To be started in the agent's place. */
  readonly binary: string
  /** Until the scope closes, what is started waits and does not come to be the agent. */
  readonly shut: Effect.Effect<void, never, Scope.Scope>
}

/** An executable in this folder that becomes the real one, once it has done what the line of the shell says. */
export const door = Effect.fnUntraced(function*(folder: string, real: string, line = "") {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const [binary, shut] = [path.join(folder, "agent-under-test"), path.join(folder, "shut")]
  yield* fs.writeFileString(
    binary,
    ["#!/bin/sh", `while [ -f "${shut}" ]; do sleep 0.1; done`, line, `exec "${real}" "$@"`, ""].join("\n"),
    { mode: 0o700 }
  )
  const door: Door = { binary, shut: present(shut) }
  return door
})

/** An executable in this folder that is the real one, and says in everything that it is of another version. */
export const disguised = Effect.fnUntraced(function*(
  folder: string,
  real: string,
  { from, to }: { readonly from: string; readonly to: string }
) {
  const fs = yield* FileSystem.FileSystem
  const binary = (yield* Path.Path).join(folder, "agent-in-disguise")
  const line = `"${real}" "$@" | sed -u 's/${from.replaceAll(".", "\\.")}/${to}/g'`
  yield* fs.writeFileString(binary, ["#!/bin/sh", line, ""].join("\n"), { mode: 0o700 })
  return binary
})

/** What the model was told each time that it was asked for a summary of the session. */
export const summaries =
  (model: ScriptedModel["Service"], isSummary: (request: ModelRequest) => boolean) => (sessionId: SessionId) =>
    Effect.map(
      model.requests,
      (all) =>
        all.filter((request) => isSummary(request) && request.sessionId === sessionId).map((request) =>
          request.messages.map(({ text }) => text).join("\n")
        )
    )

/** The model that a prompt was asked of last, by the one of these names that its own is a part of, or that is a part of its own. */
export const askedModel = (model: ScriptedModel["Service"], names: ReadonlyArray<string>) => (prompt: string) =>
  Effect.map(model.requests, (all) => {
    const asked = all.findLast(({ lastUserText }) => lastUserText.split("\n").some((line) => line.trim() === prompt))
    return asked === undefined
      ? undefined
      : names.find((name) => name.endsWith(asked.model) || asked.model.includes(name)) ?? asked.model
  })

/** Keeps all that the folder holds, as a backup of it does, and puts that in the place of what it holds then. */
export const keep = (folder: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const kept = yield* fs.makeTempDirectory({ prefix: "kept-" })
    yield* fs.copy(folder, kept, { overwrite: true, preserveTimestamps: true })
    return fs.remove(folder, { recursive: true }).pipe(
      Effect.andThen(fs.rename(kept, folder)),
      Effect.orDie
    )
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

/** Removes every file and folder below the folder whose name has the session's id. */
export const removeSession = (folder: string, sessionId: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const files = yield* fs.readDirectory(folder, { recursive: true })
    yield* Effect.forEach(
      files.filter((file) => path.basename(file).includes(sessionId)),
      (file) => fs.remove(path.join(folder, file), { recursive: true, force: true })
    )
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))
