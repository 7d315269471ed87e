/**
 * A host process for tests that is to be killed while it restores a snapshot: its thread has two turns, which it saves and
 * restores into another thread. At the given point of that it says so in a line and waits.
 */
import { Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { ProviderService, ThreadId, TranscriptArchive } from "../../src/index.ts"
import * as Agents from "./Agents.ts"
import * as ChildScript from "./ChildScript.ts"
import * as SetupHost from "./SetupHost.ts"

/** Between the agent and the store; once the thread is stored. */
export const points = ["started", "bound"] as const
export type Point = (typeof points)[number]

export const copy = ThreadId.make("restored")

export const prompts = ["remember 42", "and 43"] as const

/** Starts it and answers once it has said its line. */
export const start = (filename: string, directory: string, point: Point) =>
  ChildScript.start([
    "--disable-warning=ExperimentalWarning",
    fileURLToPath(import.meta.url),
    filename,
    directory,
    point
  ])

const main = (filename: string, directory: string, point: string) => {
  let restoring = false
  const at = (here: Point) => Effect.suspend(() => restoring && here === point ? SetupHost.halt(here) : Effect.void)
  const host = Layer.unwrap(
    Effect.map(
      SetupHost.diskIn(directory),
      (disk) => Agents.layerOn(SetupHost.storeIn(filename, at), { mock: { disk } })
    )
  )
  const { threadId } = Agents
  return Effect.gen(function*() {
    const agents = yield* ProviderService
    const archive = yield* TranscriptArchive
    yield* Agents.start({ directory })
    for (const prompt of prompts) yield* agents.runTurn({ threadId, prompt })
    const { snapshotId } = yield* archive.snapshot({ threadId })
    restoring = true
    yield* archive.restore({ snapshot: { snapshotId }, threadId: copy })
  }).pipe(Effect.scoped, Effect.provide(host))
}

const [, script, filename = "", directory = "", point = ""] = process.argv
if (script === fileURLToPath(import.meta.url)) Effect.runFork(main(filename, directory, point))
