import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  CodingAgents,
  InstanceId,
  isTerminal,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore,
  ThreadId
} from "../src/index.ts"
import { TranscriptArchive } from "../src/index.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../src/testing/index.ts"

const seedArg = Number(process.argv[2] ?? 1),
  runs = Number(process.argv[3] ?? 1),
  steps = Number(process.argv[4] ?? 300)
const rng = (seed: number) => () => {
  seed |= 0
  seed = seed + 0x6D2B79F5 | 0
  let t = Math.imul(seed ^ seed >>> 15, 1 | seed)
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
  return ((t ^ t >>> 14) >>> 0) / 4294967296
}

const cap = 3
const instances = ["a", "b"]
const problems: Array<string> = []
const push = problems.push.bind(problems)
problems.push = (...xs) => {
  console.log("!!", ...xs)
  return push(...xs)
}
const expectedTags = new Set([
  "TurnInProgress",
  "ThreadExists",
  "ThreadNotFound",
  "SessionNotLive",
  "NotRunning",
  "TurnNotAccepted",
  "StartCancelled",
  "SessionStopped",
  "RequestGone"
])
const odd = new Map<string, number>()

const run = Effect.fnUntraced(function*(seed: number) {
  const r = rng(seed)
  const pick = <A>(xs: ReadonlyArray<A>) => xs[Math.floor(r() * xs.length)]!
  const folder = mkdtempSync(join(tmpdir(), "hunt-"))
  const filename = join(folder, "s.db")
  const disks = instances.map(() => MockAgentDisk.makeUnsafe())
  const controls: Array<any> = []
  const accepted: Array<{ threadId: string; turnId: string }> = []
  const deleted = new Set<string>()
  const threads = Array.from({ length: 20 }, (_, i) => ThreadId.make(`t${i}`))
  const counts = { acquired: 0, released: 0 }
  const told = new Set<string>()
  const host = (seg: number) => {
    controls.length = 0
    return CodingAgents.layer({
      agents: instances.map((instanceId, i) =>
        Layer.effectDiscard(
          Effect.tap(
            MockProvider.make({ instanceId, disk: disks[i]!, neverResumableBeforeFirstTurn: seed % 3 === 0 }),
            (c) =>
              Effect.sync(() => {
                controls[i] = c
              })
          )
        )
      ),
      store: SessionStore.layerSqlite({ filename }),
      hooks: [
        LifecycleHooks.setup({
          name: "setup",
          run: () =>
            Effect.acquireRelease(
              Effect.andThen(
                Effect.sleep(Math.floor(r() * 5)),
                Effect.sync(() => {
                  counts.acquired++
                  return { environment: { E: `${counts.acquired}` } }
                })
              ),
              () =>
                Effect.sync(() => {
                  counts.released++
                })
            )
        }),
        LifecycleHooks.observe({
          name: "obs",
          events: ["session:*"],
          run: (e: any) =>
            Effect.sync(() => {
              if (e._tag === "session:start") told.add(`${e.threadId} ${e.epoch} s`)
              if (e._tag === "session:end") told.add(`${e.threadId} ${e.epoch} e`)
            })
        })
      ],
      settings: {
        reaper: { idleAfter: "150 millis", sweepEvery: "40 millis", maxLive: cap },
        stopTimeout: "500 millis",
        interruptGrace: "300 millis"
      }
    }).pipe(Layer.provide(NodeServices.layer))
  }
  for (let seg = 0; seg < 2; seg++) {
    yield* Effect.gen(function*() {
      const agents = yield* ProviderService
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      const script = () => {
        const x = r()
        if (x < 0.5) return () => [MockStep.text("ok")]
        if (x < 0.7) return () => [MockStep.sleep("20 millis"), MockStep.text("slow")]
        if (x < 0.85) return () => [MockStep.command("make"), MockStep.text("done")]
        return () => [MockStep.text("said"), MockStep.text("more")]
      }
      for (let i = 0; i < steps; i++) {
        const threadId = pick(threads), instanceId = InstanceId.make(pick(instances)), other = pick(threads)
        const k = r()
        const s = script()
        const ctl = controls[instances.indexOf(instanceId)]
        const op: Effect.Effect<unknown, any> = k < 0.2 ?
          agents.startSession({
            threadId,
            instanceId,
            directory: folder,
            runtimeMode: pick(["full-access", "approval-required"] as const)
          })
          : k < 0.55 ?
          Effect.andThen(
            ctl.nextTurn(s) as Effect.Effect<void>,
            Effect.tap(
              agents.sendTurn({ threadId, prompt: `p${i}` }),
              ({ turnId }) => Effect.sync(() => accepted.push({ threadId, turnId }))
            )
          )
          : k < 0.63 ?
          agents.resetThread({ threadId })
          : k < 0.7 ?
          agents.forkThread({ threadId, newThreadId: other })
          : k < 0.8 ?
          agents.stopSession({ threadId })
          : k < 0.84 ?
          agents.interruptTurn({ threadId })
          : k < 0.86 ?
          Effect.suspend(() => {
            deleted.add(threadId)
            return agents.deleteThread({ threadId })
          })
          : k < 0.92 ?
          Effect.flatMap(ctl.sessions as Effect.Effect<ReadonlyArray<any>>, (ss) => {
            const live = ss.filter((x) => x.live)
            return live.length === 0 ? Effect.void : ctl.crash(pick(live).sessionId)
          })
          : k < 0.925 ?
          agents.configureThread({
            threadId,
            runtimeMode: pick(["full-access", "approval-required", "read-only"] as const)
          })
          : k < 0.93 ?
          agents.refreshSetup({ threadId })
          : k < 0.937 ?
          agents.compactThread({ threadId })
          : k < 0.941 ?
          TranscriptArchive.use((a) => a.snapshot({ threadId }))
          : k < 0.947 ?
          Effect.flatMap(
            agents.readTranscript({ threadId }),
            (t: any) =>
              t.length === 0
                ? Effect.void
                : agents.rewindThread({ threadId, before: pick(t as ReadonlyArray<any>).turnId })
          )
          : k < 0.95 ?
          agents.annotate({ threadId, kind: "n", data: { i } })
          : k < 0.955 ?
          ctl.failNextStart({ _tag: "AgentStartFailed" } as any) as Effect.Effect<void>
          : k < 0.97 ?
          ctl.slowStart(Effect.sleep("60 millis"))
          : k < 0.985 ?
          ctl.slowSend(Effect.sleep("30 millis"))
          : Effect.ensuring(
            Effect.gen(function*() {
              yield* ctl.hangStop(true)
              yield* Effect.sleep("50 millis")
            }),
            ctl.hangStop(false)
          )
        const interruptIt = r() < 0.06
        const f = yield* Effect.forkChild(Effect.exit(Effect.timeoutOption(op, "8 seconds")), {
          startImmediately: true
        })
        if (interruptIt) yield* Effect.forkChild(Effect.delay(Fiber.interrupt(f), Math.floor(r() * 10)))
        fibers.push(Effect.runFork(Effect.tap(Fiber.await(f), (exit) =>
          Effect.sync(() => {
            if (!Exit.isSuccess(exit)) return
            const inner = exit.value as Exit.Exit<any, any>
            if (Exit.isSuccess(inner)) {
              if ((inner.value as any)?._tag === "None") {
                problems.push(`seed ${seed} step ${i} k ${k.toFixed(3)} on ${threadId} hung for 8 s`)
              }
            } else {
              const e: any = Cause.squash(inner.cause)
              const tag = Cause.hasDies(inner.cause) ? "DEFECT " + String(e?.stack ?? e) : String(e?._tag)
              odd.set(tag, (odd.get(tag) ?? 0) + 1)
              if (tag === "EpochFenced") {
                console.log(
                  "   ",
                  seed,
                  seg,
                  i,
                  k.toFixed(3),
                  threadId,
                  other,
                  tag,
                  JSON.stringify(e),
                  interruptIt,
                  e.stack?.split("\n").slice(1, 12).map((x: string) => x.trim().replace(/\/work\/s-core/g, "")).join(
                    " | "
                  )
                )
              }
            }
          }))) as any)
        // answer requests
        if (r() < 0.4) {
          const p = (yield* ctl.pending) as ReadonlyArray<any>
          if (p.length > 0) {
            const q = pick(p)
            const owner = (yield* ctl.sessions as Effect.Effect<ReadonlyArray<any>>).find((x) =>
              x.sessionId === q.sessionId
            )
            if (owner) {
              yield* Effect.forkChild(
                Effect.ignore(
                  agents.respondToApproval({
                    threadId: owner.threadId,
                    requestId: q.request.requestId,
                    decision: { _tag: "AllowOnce" }
                  })
                )
              )
            }
          }
        }
        if (r() < 0.5) yield* Effect.sleep(Math.floor(r() * 12))
      }
      for (const f of fibers) yield* Fiber.await(f)
      // settle: interrupt all turns
      for (const t of threads) yield* Effect.ignore(agents.interruptTurn({ threadId: t }))
      yield* Effect.sleep("900 millis")
      const { threads: infos } = yield* agents.listThreads({ limit: 100 })
      const notStopped = infos.filter((i) => i.status !== "stopped")
      if (notStopped.length > 0) {
        problems.push(
          `seed ${seed} seg ${seg} after idle: ${notStopped.map((i) => `${i.threadId}:${i.status}`).join()}`
        )
      }
      for (let i = 0; i < 2; i++) {
        const live = ((yield* controls[i].sessions) as ReadonlyArray<any>).filter((s) => s.live)
        const starts = (yield* controls[i].sessions) as ReadonlyArray<any>
        const over = starts.filter((s) => s.overlaps > 0)
        if (live.length > 0) {
          problems.push(
            `seed ${seed} seg ${seg} agent ${i} has live ${live.map((s) => `${s.threadId}/${s.sessionId}`).join()}`
          )
        }
        if (over.length > 0) {
          problems.push(
            `seed ${seed} seg ${seg} overlaps ${over.map((s) => `${s.threadId}/${s.sessionId}:${s.overlaps}`).join()}`
          )
        }
      }
      if (counts.acquired !== counts.released) problems.push(`seed ${seed} seg ${seg} setups ${JSON.stringify(counts)}`)
      for (const x of told) {
        if (x.endsWith(" s") && !told.has(x.slice(0, -1) + "e")) problems.push(`seed ${seed} no end of ${x}`)
      }
      // turns: each accepted has one end
      for (const t of threads) {
        const evs = yield* agents.streamEvents({ threadId: t }).pipe(
          Stream.takeUntil((e: any) => false),
          Stream.interruptWhen(Effect.sleep("60 millis")),
          Stream.runCollect,
          Effect.orElseSucceed(() => [] as ReadonlyArray<any>)
        )
        const ends = new Map<string, number>()
        let started: string | undefined
        let seq = 0
        let openEpoch = false
        for (const e of evs as ReadonlyArray<any>) {
          if (e._tag === "TurnStarted" || e._tag === "TurnBegan") {
            ends.set(e.turnId, 0)
            started = e.turnId
          }
          if (isTerminal(e)) ends.set(e.turnId, (ends.get(e.turnId) ?? 0) + 1)
          if (e._tag === "SessionStarted") {
            if (openEpoch) problems.push(`seed ${seed} ${t} two SessionStarted`)
            openEpoch = true
          }
          if (e._tag === "SessionEnded") openEpoch = false
          if (e.seq !== undefined && e.seq < seq && e._tag !== "Gap") problems.push(`seed ${seed} ${t} order`)
          seq = e.seq ?? seq
        }
        for (const [id, n] of ends) if (n !== 1) problems.push(`seed ${seed} seg ${seg} ${t} turn ${id} has ${n} ends`)
        if (!deleted.has(t)) {
          for (const a of accepted) {
            if (a.threadId === t && !ends.has(a.turnId)) {
              problems.push(`seed ${seed} ${t} accepted ${a.turnId} is lost`)
            }
          }
        }
      }
      for (let i = 0; i < 2; i++) {
        const seen = new Map<string, number>()
        for (const x of (yield* controls[i].received) as ReadonlyArray<any>) {
          seen.set(x.turnId, (seen.get(x.turnId) ?? 0) + 1)
        }
        for (const [id, n] of seen) if (n > 1) problems.push(`seed ${seed} turn ${id} delivered ${n} times`)
      }
      // begin the next segment with live ones
      for (const t of threads.slice(0, 6)) yield* Effect.ignore(agents.startSession({ threadId: t }))
      const max = 6
      yield* Effect.sleep("300 millis")
      const n = (yield* agents.listThreads({ limit: 100 })).threads.filter((x) => x.status !== "stopped").length
      if (n > cap) problems.push(`seed ${seed} seg ${seg} ${n} live after sequential starts`)
    }).pipe(Effect.provide(host(seg)))
  }
  rmSync(folder, { recursive: true })
})
const quiet = Logger.layer([Logger.make(({ message, logLevel, cause }) => {
  if (logLevel === "Error" || logLevel === "Fatal") {
    const m = String(Array.isArray(message) ? message[0] : message)
    odd.set("LOG " + m, (odd.get("LOG " + m) ?? 0) + 1)
  }
})])
const main = Effect.gen(function*() {
  for (let i = 0; i < runs; i++) {
    const exit = yield* Effect.exit(Effect.timeoutOption(Effect.scoped(run(seedArg + i)), "60 seconds"))
    if (!Exit.isSuccess(exit)) problems.push(`seed ${seedArg + i} failed ${Cause.pretty(exit.cause)}`)
    else if ((exit.value as any)._tag === "None") problems.push(`seed ${seedArg + i} took too long`)
    console.log("seed", seedArg + i, problems.splice(0).join("\n"), Math.round(process.uptime()))
    if (problems.length > 12) break
  }
  console.log(problems.slice(0, 30).join("\n"))
  console.log(Array.from(odd).map(([k, n]) => `${n} ${k.slice(0, 300)}`).join("\n"))
}).pipe(Effect.provide(quiet))
Effect.runPromise(main as any).then(() => process.exit(0))
