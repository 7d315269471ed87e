/**
 * What hooks are good for, told by hooks: analytics in SQLite, a welcome and a goodbye, clean-up of resources. The host
 * goes through what ends a session (a reset, the reaper, `kill -9`, a shutdown), and no hook misses an end.
 *
 *     node examples/hooks/main.ts
 *
 * No agent is needed; a mock plays it. The exit code is 0 only if everything that is claimed at the end was seen.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { argv, execPath, kill, pid } from "node:process"
import { InstanceId, ProviderService, ThreadId } from "../../src/index.ts"
import * as Analytics from "./Analytics.ts"
import * as Host from "./Host.ts"
import { judge } from "./Verdict.ts"
import { chapter, say } from "./Voice.ts"

class PromiseBroken extends Schema.TaggedError<PromiseBroken>()("PromiseBroken", { promises: Schema.Int }) {
  override get message() {
    return `${this.promises} of the hooks' promises were broken`
  }
}

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
  yield* chapter("A session starts: hooks are told before its first prompt is sent")
  yield* agents.startSession({
    threadId,
    instanceId: InstanceId.make("mock"),
    directory: yield* fs.realPath("."),
    runtimeMode: "full-access"
  })
  yield* ask("Why does the build fail?")

  yield* chapter("The user begins anew: an end, the reset, and a start, in one transaction")
  yield* agents.resetThread({ threadId })
  yield* ask("Why are the tests slow?")

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

const scratch = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.readDirectory(`${folder}/scratch`)
})

const report = Effect.fnUntraced(function*(folder: string, afterKill: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const { lives, resets } = yield* Effect.all({ lives: Analytics.report, resets: Analytics.resets }).pipe(
    Effect.provide(Host.analytics(folder))
  )
  yield* chapter("What the analytics know")
  for (const { began, costUsd, ended, epoch, estimated, millis, sessionId, tokens, turns } of lives) {
    yield* say(
      `epoch ${epoch}`,
      `${sessionId}: ${began} to ${ended ?? "?"}, ${estimated === 1 ? "about " : ""}${Math.round(millis ?? 0)} ms, ` +
        `${turns} turns, ${tokens} tokens, $${costUsd.toFixed(2)}`
    )
  }
  const guestBook = (yield* fs.readFileString(`${folder}/guests.txt`)).trim().split("\n")
  const verdict = judge({ lives, resets, guestBook, scratch: { afterKill, atTheEnd: yield* scratch(folder) } })
  yield* chapter("The verdict")
  for (const { found, kept, promise } of verdict) {
    yield* say(kept ? "kept" : "BROKEN", promise)
    yield* say("", `(${found})`)
  }
  const promises = verdict.filter(({ kept }) => !kept).length
  if (promises > 0) return yield* new PromiseBroken({ promises })
  yield* Console.log("\nAll promises kept.")
})

const story = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "hooks-" })
  const killed = ChildProcess.make(execPath, [import.meta.filename, folder], { stdout: "inherit", stderr: "inherit" })
  // A signal ends it, which is a failure where an exit code is asked for.
  yield* Effect.scoped(Effect.flatMap(killed, ({ exitCode }) => Effect.ignore(exitCode)))
  const afterKill = yield* scratch(folder)
  yield* chapter("The host is back: the end that nobody saw is told now. Then an orderly shutdown, an end as well")
  yield* Effect.provide(ask("Where were we?"), Host.layer(folder))
  yield* report(folder, afterKill)
}).pipe(Effect.scoped)

const main = Effect.gen(function*() {
  const folder = argv[2]
  if (folder === undefined) yield* Effect.timeout(story, "1 minute")
  else yield* Effect.provide(firstLife, Host.layer(folder))
})

main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
