/**
 * A host process for tests: some threads with turns, and a reader of all of them that writes each event down with its
 * position and goes on where its file ends. With a number it is killed by `kill -9` once it has written so many; else it says
 * when it has come to the end.
 */
import { Console, Effect, Fiber, Stream } from "effect"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { ProviderService, ThreadId } from "../../src/index.ts"
import { type FeedEvent, Position } from "../../src/protocol.ts"
import * as Agents from "./Agents.ts"

export const script = fileURLToPath(import.meta.url)

/** What is written down of an event. */
export const lineOf = (event: FeedEvent): string =>
  event._tag === "FeedGap"
    ? `${event.position} ${event._tag}`
    : `${event.position} ${event.threadId} ${event.seq} ${event._tag}`

export const linesOf = (file: string): ReadonlyArray<string> =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter((line) => line !== "") : []

const main = (filename: string, directory: string, file: string, kill: number) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const last = linesOf(file).at(-1)?.split(" ")[0]
    const end = ThreadId.make(`end-${process.pid}`)
    let written = 0
    const reader = yield* agents.streamAllEvents({ after: last === undefined ? undefined : Position.make(last) }).pipe(
      Stream.tap((event) =>
        Effect.sync(() => {
          appendFileSync(file, `${lineOf(event)}\n`)
          if (++written === kill) process.kill(process.pid, "SIGKILL")
        })
      ),
      Stream.takeUntil((event) => event._tag === "ThreadDeleted" && event.threadId === end),
      Stream.runDrain,
      Effect.forkChild({ startImmediately: true })
    )
    yield* Effect.forEach([1, 2, 3], (n) =>
      Effect.gen(function*() {
        const threadId = ThreadId.make(`${process.pid}-${n}`)
        yield* agents.startSession({ threadId, instanceId: Agents.mock, directory })
        for (const prompt of ["one", "two", "three"]) yield* agents.runTurn({ threadId, prompt })
      }), { concurrency: "unbounded" })
    yield* agents.createThread({ threadId: end, instanceId: Agents.mock, directory })
    yield* agents.deleteThread({ threadId: end })
    yield* Fiber.join(reader)
    yield* Console.log("done")
  }).pipe(Effect.provide(Agents.layer({ filename })))

const [, started, filename = "", directory = "", file = "", kill = ""] = process.argv
if (started === script) {
  const timer = setInterval(() => {}, 60_000)
  Effect.runFork(
    Effect.ensuring(main(filename, directory, file, Number(kill)), Effect.sync(() => clearInterval(timer)))
  )
}
