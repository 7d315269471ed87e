/** Tries to take a snapshot of about a megabyte in the given folder, and prints how that failed and what is there. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect } from "effect"
import { existsSync } from "node:fs"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Snapshots from "../../src/transcript/internal/snapshots.ts"
import { conversation, filesIn, history, input } from "./SnapshotFixture.ts"

const [folder = ""] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const snapshots = yield* Snapshots.make
  const code = yield* snapshots.write(input(folder, "one", { history: history(conversation(1000)) })).pipe(
    Effect.match({ onFailure: ({ failure }) => failure.code, onSuccess: () => "written" })
  )
  yield* Console.log(JSON.stringify({ code, files: existsSync(folder) ? filesIn(folder) : [] }))
})

Effect.runFork(program.pipe(Effect.provide([SessionStore.layerMemory, NodeServices.layer])))
