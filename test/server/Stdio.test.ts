/** The operations over stdin and stdout of a real process, for a program that starts it. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import { spawn } from "node:child_process"
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

describe("Rpc.layerStdio", () => {
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
})
