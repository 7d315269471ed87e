/**
 * A program with a small heap that brings a long thread along, of turns that it makes as they are read, and reads its last
 * ones. Says in one line of JSON what there is then.
 */
import { Console, Effect, Stream } from "effect"
import { ProviderService } from "../../src/index.ts"
import * as Agents from "./Agents.ts"
import { turn } from "./Imports.ts"

const [filename = "", directory = "", count = ""] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const agents = yield* ProviderService
  const { threadId } = Agents
  const { thread, turns } = yield* agents.importThread({
    threadId,
    instanceId: Agents.mock,
    directory,
    turns: Stream.map(Stream.range(0, Number(count) - 1), (n) => turn(n, "x".repeat(1000)))
  })
  const last = yield* agents.readTranscript({ threadId, from: "end", limit: 2 })
  yield* Console.log(JSON.stringify({ turns, lastSeq: thread.lastSeq, last: last.map(({ turnId }) => turnId) }))
}).pipe(Effect.provide(Agents.layer({ filename })))

await Effect.runPromise(program)
