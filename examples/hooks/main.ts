/**
 * What hooks are good for, told by hooks: analytics in SQLite, a welcome and a goodbye, clean-up of resources. The host
 * goes through all that ends a session, `kill -9` included, and no hook misses an end.
 *
 *     node examples/hooks/main.ts
 *
 * No agent is needed; a mock plays it.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Option, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { argv, execPath, kill, pid } from "node:process"
import { InstanceId, ProviderService, ThreadId } from "../../src/index.ts"
import * as Analytics from "./Analytics.ts"
import * as Host from "./Host.ts"
import { chapter, say } from "./Voice.ts"

const threadId = ThreadId.make("ticket-42")

const ask = Effect.fnUntraced(function*(prompt: string) {
  const agents = yield* ProviderService
  yield* say("user", prompt)
  const { text } = yield* agents.runTurn({ threadId, prompt })
  yield* say("agent", text)
})

const firstLife = Effect.gen(function*() {
  const agents = yield* ProviderService
  const fs = yield* FileSystem.FileSystem
  yield* chapter("A session starts with its first turn")
  yield* agents.startSession({
    threadId,
    instanceId: InstanceId.make("mock"),
    directory: yield* fs.realPath("."),
    runtimeMode: "full-access"
  })
  yield* ask("Why does the build fail?")

  yield* chapter("Nobody says anything for a while: the reaper ends the session, the thread stays")
  yield* agents.streamEvents({ threadId }).pipe(
    Stream.filter((event) => event._tag === "SessionEnded" && event.reason === "reaped"),
    Stream.runHead
  )

  yield* chapter("The next turn resumes it")
  yield* ask("And now?")

  yield* chapter("In the middle of a turn the host is killed (kill -9)")
  yield* agents.sendTurn({ threadId, prompt: "never ends" })
  yield* say("host", "...")
  kill(pid, "SIGKILL")
})

const secondLife = Effect.gen(function*() {
  yield* chapter("The host is back: the end that nobody saw is told now, once")
  yield* ask("Where were we?")
  yield* chapter("An orderly shutdown is an end as well")
})

const report = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  const lives = yield* Effect.provide(Analytics.report, Host.analytics(folder))
  const left = yield* fs.readDirectory(`${folder}/scratch`)
  yield* chapter("What the analytics know")
  for (const { began, costUsd, ended, epoch, estimated, millis, session, tokens, turns } of lives) {
    yield* say(
      `epoch ${epoch}`,
      `${session}: ${began} to ${ended ?? "?"}, ${estimated === 1 ? "about " : ""}${Math.round(millis ?? 0)} ms, ` +
        `${turns} turns, ${tokens} tokens, $${costUsd.toFixed(2)}`
    )
  }
  yield* say("cleanup", `${left.length} folders left`)
})

const story = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "hooks-" })
  const killed = ChildProcess.make(execPath, [import.meta.filename, folder], { stdout: "inherit", stderr: "inherit" })
  // A signal ends it, which is a failure where an exit code is asked for.
  yield* Effect.scoped(Effect.flatMap(killed, ({ exitCode }) => Effect.ignore(exitCode)))
  yield* Effect.provide(secondLife, Host.layer(folder))
  yield* report(folder)
}).pipe(Effect.scoped)

const main = Option.match(Option.fromUndefinedOr(argv[2]), {
  onNone: () => story,
  onSome: (folder) => Effect.provide(firstLife, Host.layer(folder))
})

main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
