import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, Layer, Logger, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { execFileSync } from "node:child_process"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { CommandHook, LifecycleHooks, WebhookHook } from "../src/hooks/index.ts"
import { CodingAgents, InstanceId, ProviderService, SessionStore, ThreadId } from "../src/index.ts"
import { MockProvider } from "../src/testing/index.ts"
const kinds = ["drip-status", "endless-headers", "never-reads"] as const
const main = Effect.gen(function*() {
  for (const client of ["fetch", "undici"] as const) {
    for (const kind of kinds) {
      const sockets = new Set<any>()
      const server = createServer((s) => {
        sockets.add(s)
        s.on("close", () => sockets.delete(s))
        s.on("error", () => {})
        const every = (ms: number, f: () => void) => {
          const t = setInterval(() => {
            try {
              f()
            } catch {}
          }, ms)
          s.on("close", () => clearInterval(t))
        }
        if (kind === "never-reads") {
          s.pause()
          return
        }
        s.on("data", () => {})
        if (kind === "drip-body") {
          s.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
          every(100, () => s.write("x"))
        }
        if (kind === "chunk-drip") {
          s.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
          every(100, () => s.write("1\r\nx\r\n"))
        }
        if (kind === "drip-status") {
          const t = "HTTP/1.1 200 OK" + " ".repeat(10000)
          let i = 0
          every(100, () => s.write(t[i++] ?? " "))
        }
        if (kind === "endless-headers") {
          s.write("HTTP/1.1 200 OK\r\n")
          let i = 0
          every(1, () => s.write(`x-${i++}: y\r\n`))
        }
        if (kind === "huge-body") {
          s.write("HTTP/1.1 200 OK\r\ncontent-length: 900000000\r\n\r\n")
          every(1, () => s.write("x".repeat(30000)))
        }
        if (kind === "close-early") {
          s.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
          setTimeout(() => s.destroy(), 20)
        }
        if (kind === "two-responses") {
          s.write("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Bad\r\ncontent-length: 0\r\n\r\n")
        }
        if (kind === "garbage") s.write("\x00\x01\x02 garbage\r\n\r\n")
      })
      yield* Effect.promise(() => new Promise<void>((r) => server.listen(0, "127.0.0.1", () => r())))
      const url = `http://127.0.0.1:${(server.address() as any).port}/`
      const log: Array<string> = []
      const t0 = Date.now()
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const threadId = ThreadId.make("t")
        const times: Array<string> = []
        const timed = (what: string, e: Effect.Effect<any, any>) =>
          Effect.gen(function*() {
            const t = Date.now()
            const x = yield* Effect.exit(Effect.timeoutOption(e, "30 seconds"))
            times.push(`${what} ${
              Exit.isSuccess(x)
                ? ((x.value as any)._tag === "None" ? "HUNG" : "ok")
                : String((Cause.squash(x.cause) as any)._tag)
            } ${Date.now() - t}`)
          })
        yield* timed(
          "start",
          agents.startSession({ threadId, instanceId: InstanceId.make("mock"), directory: tmpdir() })
        )
        yield* timed("run", agents.runTurn({ threadId, prompt: "x".repeat(3_000_000) }))
        yield* timed("stop", agents.stopSession({ threadId }))
        yield* Effect.sleep("1500 millis")
        console.log(client, kind, times.join("; "), "open sockets", sockets.size)
      }).pipe(Effect.provide(
        CodingAgents.layer({
          agents: MockProvider.layer(),
          store: SessionStore.layerMemory,
          settings: { promptLimit: 10_000_000, hookBudget: "1 second" },
          hooks: [
            WebhookHook.guard({
              name: "g",
              events: ["turn:start"],
              url,
              secret: Redacted.make("s"),
              timeout: "1 second"
            }),
            WebhookHook.layer({ name: "o", events: ["*"], url, secret: Redacted.make("s"), timeout: "1 second" })
          ]
        }).pipe(
          Layer.provide([NodeServices.layer, client === "fetch" ? FetchHttpClient.layer : NodeHttpClient.layerUndici])
        )
      ))
      yield* Effect.sleep("1500 millis")
      console.log(
        execFileSync("sh", [
          "-c",
          `cat /proc/net/tcp | awk '{print $2,$3,$4}' | grep -i ":$(printf %04X ${
            (server.address() as any).port
          })" | sort | uniq -c`
        ]).toString()
      )
      console.log(
        "   closed after",
        Date.now() - t0,
        "sockets",
        sockets.size,
        "rss",
        Math.round(process.memoryUsage().rss / 1e6)
      )
      for (const s of sockets) s.destroy()
      server.close()
    }
  }
}).pipe(Effect.provide(Logger.layer([])))
Effect.runPromise(main as any).then(() => process.exit(0), (e) => {
  console.log(e)
  process.exit(1)
})
