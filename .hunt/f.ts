import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Context, Effect, Exit, Fiber, Layer, Logger, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CodingAgents, InstanceId, isTerminal, ProviderService, SessionStore, ThreadId, TurnId } from "../src/index.ts"
import { MockProvider, MockStep } from "../src/testing/index.ts"
import * as Proxy from "../test/support/Proxy.ts"
import * as Served from "../test/support/Served.ts"
const seed0 = Number(process.argv[2] ?? 1), runs = Number(process.argv[3] ?? 1), steps = Number(process.argv[4] ?? 40)
const rng = (seed: number) => () => {
  seed |= 0
  seed = seed + 0x6D2B79F5 | 0
  let t = Math.imul(seed ^ seed >>> 15, 1 | seed)
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
  return ((t ^ t >>> 14) >>> 0) / 4294967296
}
const odd = new Map<string, number>()
const bad = (...xs: Array<unknown>) => console.log("!!", ...xs)
const run = Effect.fnUntraced(function*(seed: number) {
  const r = rng(seed)
  const folder = mkdtempSync(join(tmpdir(), "hunt-f-"))
  const transport = seed % 2 === 0 ? "http" as const : "websocket" as const
  let ctl: any
  yield* Effect.gen(function*() {
    const direct = yield* ProviderService
    const server = yield* Served.start()
    const proxies = yield* Effect.all([Proxy.make(server.port), Proxy.make(server.port)])
    const clients = yield* Effect.forEach(
      proxies,
      (p) => Served.client(p.url, { transport, patience: { calls: "5 seconds" } })
    )
    const threads = ["x", "y"].map((n) => ThreadId.make(n))
    for (const t of threads) {
      yield* direct.startSession({ threadId: t, instanceId: InstanceId.make("mock"), directory: folder })
    }
    const answered = new Map<string, Array<string>>()
    const cutter = (d: number) => Effect.forkChild(Effect.delay(proxies[Math.floor(r() * 2)]!.cut, d))
    const outcomes: Array<any> = []
    for (let i = 0; i < steps; i++) {
      const t = threads[Math.floor(r() * 2)]!
      const turnId = TurnId.make(`turn-${seed}-${i}`)
      const sameId = r() < 0.5
      const kind = r()
      yield* ctl.nextTurn(() =>
        kind < 0.6 ? [MockStep.command("make"), MockStep.text("done")] : [MockStep.text("done")]
      )
      const tries = r() < 0.6 ? 1 + Math.floor(r() * 2) : 0
      for (let c = 0; c < tries; c++) yield* cutter(Math.floor(r() * 40))
      const wait = r() < 0.5
      const send = (c: number) => {
        const input = { threadId: t, prompt: "go", turnId: sameId ? turnId : TurnId.make(`${turnId}-${c}`) }
        return wait ? clients[c]!.agents.runTurn(input) : clients[c]!.agents.sendTurn(input)
      }
      const f0 = yield* Effect.forkChild(Effect.exit(Effect.timeoutOption(send(0), "15 seconds")))
      if (r() < 0.5) yield* Effect.sleep(Math.floor(r() * 10))
      const f1 = yield* Effect.forkChild(Effect.exit(Effect.timeoutOption(send(1), "15 seconds")))
      // answerers: both clients answer each pending until turn idle
      const answerer = yield* Effect.forkChild(Effect.gen(function*() {
        for (;;) {
          const pend = (yield* ctl.pending) as ReadonlyArray<any>
          for (const p of pend) {
            const id = p.request.requestId
            if (answered.has(id)) continue
            const list: Array<string> = []
            answered.set(id, list)
            const owner = ((yield* ctl.sessions) as ReadonlyArray<any>).find((s) => s.sessionId === p.sessionId)
            yield* cutter(Math.floor(r() * 6))
            const both = yield* Effect.all(
              [0, 1].map((c) =>
                Effect.exit(
                  Effect.timeoutOption(
                    clients[c]!.agents.respondToApproval({
                      threadId: owner.threadId,
                      requestId: id,
                      decision: { _tag: c === 0 ? "AllowOnce" : "Deny" },
                      actor: `c${c}`
                    }),
                    "15 seconds"
                  )
                )
              ),
              { concurrency: 2 }
            )
            for (const b of both) {
              if (Exit.isSuccess(b)) list.push(b.value._tag === "Some" ? "ok" : "HUNG")
              else {
                const e: any = Cause.squash(b.cause)
                list.push(
                  Cause.hasDies(b.cause) ? "DEFECT " + String(e?.stack) : `${e._tag}${e.outcome ? ":" + e.outcome : ""}`
                )
              }
            }
            if (list.filter((x) => x === "ok").length > 1 || list.some((x) => x === "HUNG" || x.startsWith("DEFECT"))) {
              bad(seed, i, transport, "approval", list)
            }
            if (
              list.filter((x) => x !== "ok").length === 2 &&
              !list.some((x) => x.includes("unknown") || x.includes("not-done"))
            ) odd.set("none ok: " + list.join(), (odd.get("none ok: " + list.join()) ?? 0) + 1)
            {
              const k = transport + " " + list.toSorted().join()
              odd.set(k, (odd.get(k) ?? 0) + 1)
            }
            // neither reached it: settle directly
            yield* Effect.ignore(
              direct.respondToApproval({ threadId: owner.threadId, requestId: id, decision: { _tag: "AllowOnce" } })
            )
          }
          yield* Effect.sleep(3)
        }
      }))
      for (const f of [f0, f1]) {
        const x = yield* Fiber.join(f)
        if (Exit.isSuccess(x)) {
          if (x.value._tag === "None") bad(seed, i, transport, wait ? "run" : "send", "hung", sameId)
        } else {
          const e: any = Cause.squash(x.cause)
          const k = Cause.hasDies(x.cause)
            ? "DEFECT " + String(e?.stack)
            : `${e._tag}${e.outcome ? ":" + e.outcome : ""}`
          odd.set(k, (odd.get(k) ?? 0) + 1)
          if (k.startsWith("DEFECT")) bad(seed, i, k)
        }
      }
      // wait idle
      yield* Effect.timeoutOption(
        Effect.repeat(Effect.andThen(Effect.sleep(4), direct.getThread({ threadId: t })), {
          until: (x: any) => x.status === "idle"
        }),
        "10 seconds"
      ).pipe(Effect.tap((o) =>
        Effect.sync(() => {
          if (o._tag === "None") bad(seed, i, "never idle")
        })
      ))
      yield* Fiber.interrupt(answerer)
    }
    for (const t of threads) {
      const store = yield* Effect.exit(
        direct.streamEvents({ threadId: t }).pipe(Stream.interruptWhen(Effect.sleep("200 millis")), Stream.runCollect)
      )
      if (!Exit.isSuccess(store)) continue
      const ends = new Map<string, number>(), settled = new Map<string, number>()
      for (const e of store.value as ReadonlyArray<any>) {
        if (e._tag === "TurnStarted") ends.set(e.turnId, 0)
        if (isTerminal(e)) ends.set(e.turnId, (ends.get(e.turnId) ?? 0) + 1)
        if (e._tag === "ApprovalSettled") settled.set(e.requestId, (settled.get(e.requestId) ?? 0) + 1)
      }
      for (const [id, n] of ends) if (n !== 1) bad(seed, t, "turn", id, n)
      for (const [id, n] of settled) if (n !== 1) bad(seed, t, "settled", id, n)
    }
    const seen = new Map<string, number>()
    for (const x of (yield* ctl.received) as ReadonlyArray<any>) seen.set(x.turnId, (seen.get(x.turnId) ?? 0) + 1)
    for (const [id, n] of seen) if (n > 1) bad(seed, "delivered", id, n)
    const ans = new Map<string, number>()
    for (const x of (yield* ctl.answers) as ReadonlyArray<any>) ans.set(x.requestId, (ans.get(x.requestId) ?? 0) + 1)
    for (const [id, n] of ans) if (n > 1) bad(seed, "answered", id, n, answered.get(id))
    for (const [id, list] of answered) {
      if (!ans.has(id) && list.includes("ok")) bad(seed, "ok but the agent has no answer", id, list)
    }
  }).pipe(
    Effect.provide(
      CodingAgents.layer({
        agents: Layer.effectDiscard(Effect.tap(MockProvider.make({ instanceId: "mock" }), (c) =>
          Effect.sync(() => {
            ctl = c
          }))),
        store: SessionStore.layerSqlite({ filename: join(folder, "s.db") })
      }).pipe(Layer.provide(NodeServices.layer))
    )
  )
  rmSync(folder, { recursive: true })
})
const main = Effect.gen(function*() {
  for (let i = 0; i < runs; i++) {
    const exit = yield* Effect.exit(Effect.timeoutOption(Effect.scoped(run(seed0 + i) as any), "100 seconds"))
    if (!Exit.isSuccess(exit)) bad(seed0 + i, Cause.pretty(exit.cause))
    else if ((exit.value as any)._tag === "None") bad(seed0 + i, "too long")
    console.log("seed", seed0 + i, Math.round(process.uptime()))
  }
  console.log(Array.from(odd).map(([k, n]) => `${n} ${k.slice(0, 400)}`).join("\n"))
}).pipe(Effect.provide(Logger.layer([])))
Effect.runPromise(main as any).then(() => process.exit(0))
