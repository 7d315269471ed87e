/** The operations over stdin and stdout of a real process, for a program that starts it. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Latch, Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { Duplex, type Readable, type Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { Client } from "../../src/client/index.ts"
import { InstanceId, ProviderService, ThreadId } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"

const script = fileURLToPath(new URL("../support/StdioHost.ts", import.meta.url))

const threadId = ThreadId.make("thread")

/** The program, killed with the scope. */
const started = (filename: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, filename], {
        stdio: ["pipe", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** Both pipes as one. The end of the program is an error of theirs, also when the socket is closed and nobody listens. */
const pipesOf = ({ stdin, stdout }: { readonly stdin: Writable; readonly stdout: Readable }): Duplex =>
  Duplex.from({ readable: stdout, writable: stdin }).on("error", () => {})

/** How the program ended. */
const endOf = (child: ChildProcess) =>
  Effect.callback<number | string | null>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode))
    child.once("exit", (code, signal) => resume(Effect.succeed(code ?? signal)))
  })

describe("Rpc.runStdio", () => {
  it.live("P4 P11 mock: a turn, its events and a typed error come over stdout", () =>
    Effect.gen(function*() {
      const folder = yield* Agents.folder
      const child = yield* started(`${folder}/threads.db`)
      const socket = yield* NodeSocket.fromDuplex(Effect.sync(() => pipesOf(child)))
      const agents = Context.get(yield* Client.overSocket(socket), ProviderService)
      assert.deepInclude(yield* Effect.flip(agents.getThread({ threadId })), { _tag: "ThreadNotFound", threadId })
      yield* agents.startSession({ threadId, instanceId: InstanceId.make("mock"), directory: folder })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "hello" })).text, "echo: hello")
      const { lastSeq } = yield* agents.getThread({ threadId })
      const seqs = yield* agents.streamEvents({ threadId }).pipe(
        Stream.map(({ seq }) => seq),
        Stream.takeUntil((seq) => seq === lastSeq),
        Stream.runCollect
      )
      assert.deepStrictEqual(seqs, Array.from({ length: lastSeq }, (_, n) => n + 1))
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P10 mock: it ends when its stdin does, in the middle of a stream and a turn, and gives up the store in order", () =>
    Effect.gen(function*() {
      const folder = yield* Agents.folder
      const filename = `${folder}/threads.db`
      const child = yield* started(filename)
      const socket = yield* NodeSocket.fromDuplex(Effect.sync(() => pipesOf(child)))
      const agents = Context.get(yield* Client.overSocket(socket), ProviderService)
      yield* agents.startSession({ threadId, instanceId: InstanceId.make("mock"), directory: folder })
      const working = yield* Latch.make()
      yield* agents.streamEvents({ threadId }).pipe(
        Stream.tap((event) => event._tag === "ItemCompleted" ? working.open : Effect.void),
        Stream.runDrain,
        Effect.forkChild({ startImmediately: true })
      )
      yield* agents.sendTurn({ threadId, prompt: "hang" })
      yield* working.await
      yield* Effect.sync(() => child.stdin.end())
      assert.strictEqual(yield* endOf(child), 0)
      // The next one opens it at once, and finds that the turn was ended with the program.
      const next = yield* started(filename)
      const again = yield* NodeSocket.fromDuplex(Effect.sync(() => pipesOf(next)))
      const after = Context.get(yield* Client.overSocket(again), ProviderService)
      const { lastTurn, status } = yield* after.getThread({ threadId })
      assert.deepStrictEqual([lastTurn?.status, status], ["interrupted", "stopped"])
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P10 mock: with nothing on its stdin it ends at once", () =>
    Effect.gen(function*() {
      const child = yield* started(`${yield* Agents.folder}/threads.db`)
      yield* Effect.sync(() => child.stdin.end())
      assert.strictEqual(yield* endOf(child), 0)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
