/**
 * A host process for tests: imports a thread whose turns never end, says after some batches that they are in the file, and
 * waits to be killed.
 */
import { Console, Effect, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { ProviderService } from "../../src/index.ts"
import * as Agents from "./Agents.ts"
import * as ChildScript from "./ChildScript.ts"
import { turn } from "./Imports.ts"

/** Starts it and answers once it has written batches. */
export const start = (filename: string, directory: string) =>
  ChildScript.start(["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), filename, directory])

const main = (filename: string, directory: string) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    yield* agents.importThread({
      threadId: Agents.threadId,
      instanceId: Agents.mock,
      directory,
      turns: Stream.fromIterable(Array.from({ length: 600 }, (_, n) => turn(n))).pipe(
        Stream.concat(Stream.fromEffect(Console.log("written")).pipe(Stream.drain)),
        Stream.concat(Stream.never)
      )
    })
  }).pipe(Effect.provide(Agents.layer({ filename })))

const [, script, filename, directory] = process.argv
if (script === fileURLToPath(import.meta.url) && filename !== undefined && directory !== undefined) {
  const timer = setInterval(() => {}, 60_000)
  Effect.runFork(Effect.ensuring(main(filename, directory), Effect.sync(() => clearInterval(timer))))
}
