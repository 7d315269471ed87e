/**
 * Clean-up of resources: a session has a folder for its scratch files from its start to its end, whatever ends it.
 *
 * Both steps may be repeated, as at-least-once delivery asks for. `session:end` is delivered before the old session is
 * gone, and after a crash when the host is back, so that nothing stays behind.
 */
import { Effect, FileSystem, Layer, Path } from "effect"
import { LifecycleHooks } from "../../src/index.ts"
import { say } from "./Voice.ts"

/** Keeps the folders in `root`. */
export const layer = (root: string) =>
  Layer.unwrap(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fs.makeDirectory(root, { recursive: true })
    return LifecycleHooks.observe({
      name: "cleanup",
      events: ["session:start", "session:end"],
      run: Effect.fn("Cleanup.run")(function*(event) {
        // By epoch: an end that is delivered late must not take away what the session has when it is resumed.
        const folder = path.join(root, `${event.sessionId}-${event.epoch}`)
        if (event._tag === "session:start") {
          yield* fs.makeDirectory(folder, { recursive: true })
          return yield* say("cleanup", `Made ${path.basename(folder)}/`)
        }
        yield* fs.remove(folder, { recursive: true, force: true })
        yield* say("cleanup", `Removed ${path.basename(folder)}/`)
      })
    })
  }))
