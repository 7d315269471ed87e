/**
 * A host that is killed on its way through a compaction: the whole library on a store file and on a managed OpenCode
 * whose folders stay. Its thread has a turn and a snapshot of it, then a turn that fills the model's context, so that
 * OpenCode compacts by itself. At the given point it says so in a line and goes no further.
 *
 * Whoever goes on after it uses the same {@link layer}, and never halts.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Logger } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { join, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import * as Processes from "../../examples/support/Processes.ts"
import { allow } from "../../src/hooks/index.ts"
import {
  CodingAgents,
  InstanceId,
  type LifecycleEvent,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import * as OpenCode from "../../src/opencode/OpenCode.ts"
import { SnapshotIndex } from "../../src/store/index.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import * as ChildScript from "./ChildScript.ts"
import * as SteppedFiles from "./SteppedFiles.ts"

/** Where the host is killed, in the order in which it comes there. */
export const points = [
  /** The agent's history was fetched, nothing is written. */
  "history",
  /** A segment is half written, under its temporary name. */
  "half-segment",
  "segment",
  /** The manifest has its name, the store does not know of it. */
  "manifest",
  /** The store knows of it, nothing is recorded of the compaction. */
  "row",
  /** `CompactionGated` is recorded, a guard does not answer. */
  "guard",
  /** The agent was let go; the model holds its summary back. */
  "released",
  /** `CompactionCompleted` has come, its outcome is not stored. */
  "completed",
  /** Its outcome is stored, the turn goes on. */
  "settled"
] as const
export type Point = (typeof points)[number]

export const instanceId = InstanceId.make("opencode")
export const threadId = ThreadId.make("thread")
export const prompts = { first: "remember 42", fill: "fill it" } as const

/** As much as makes OpenCode compact, in a context of {@link limit}. */
export const full = { input: 39_500, output: 100 }
const limit = { context: 40_000, output: 1_000 }

/** What the durable hook goes by, in every run. */
const audit = {
  name: "audit",
  events: ["session:*", "turn:*", "compaction:*", "snapshot:*"]
} as const

export interface Home {
  /** Store, workspace and OpenCode's folders are in it. */
  readonly home: string
  readonly model: string
}

export const workspace = ({ home }: Home) => join(home, "workspace")

type Halt = (point: Point, rest?: Effect.Effect<unknown, PlatformError>) => Effect.Effect<void>

export interface Options extends Home {
  readonly told?: (event: LifecycleEvent) => void
}

interface Host extends Options {
  /** Does not come back where the host is to be killed, once the rest is done. */
  readonly halt: Halt
}

const halting = (store: SessionStore["Service"], halt: Halt) =>
  SessionStore.of({
    ...store,
    commit: (write) => {
      const has = (tag: "CompactionGated" | "CompactionSettled") =>
        write.parts.some(({ events }) => events.some(({ _tag }) => _tag === tag))
      return (has("CompactionGated") ? halt("row") : has("CompactionSettled") ? halt("completed") : Effect.void).pipe(
        Effect.andThen(store.commit(write)),
        Effect.tap(has("CompactionSettled") ? halt("settled") : Effect.void)
      )
    }
  })

const stores = ({ halt, home }: Host) =>
  Layer.mergeAll(
    Layer.effect(SessionStore, Effect.map(SessionStore, (store) => halting(store, halt))),
    Layer.effect(
      SnapshotIndex,
      Effect.map(SnapshotIndex, (index) => ({
        ...index,
        add: (record) => Effect.andThen(halt("manifest"), index.add(record))
      }))
    )
  ).pipe(Layer.provideMerge(Layer.orDie(
    SessionStore.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: join(home, "threads.db") })))
  )))

/** A segment is read back once it has its name. */
const files = ({ halt }: Host) =>
  SteppedFiles.layer(({ half, name, path }) => {
    if (!path.includes(`${sep}segments${sep}`)) return Effect.void
    if (name === "write") return halt("half-segment", half)
    return name === "read" ? halt("segment") : Effect.void
  })

const agent = ({ halt, home, model }: Host) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const registry = yield* ProviderRegistry
    const adapter = yield* OpenCode.make({
      instanceId,
      isolated: { folder: join(home, "opencode") },
      config: openCodeConfig({ url: model }, limit),
      inherit: [Processes.variable],
      stopDeadline: "3 seconds"
    })
    yield* registry.register({
      ...adapter,
      startSession: (input) =>
        Effect.map(adapter.startSession(input), (session) => ({
          ...session,
          history: Effect.tap(session.history, halt("history"))
        }))
    })
  }))

const hooks = ({ halt, told }: Host) =>
  Layer.mergeAll(
    LifecycleHooks.observe({ ...audit, run: (event) => Effect.sync(() => told?.(event)) }),
    LifecycleHooks.guard({
      name: "slow",
      events: ["compaction:before"],
      timeout: "1 minute",
      run: () => Effect.as(halt("guard"), allow)
    })
  )

const host = (options: Host) =>
  CodingAgents.layerService().pipe(
    Layer.provide(files(options)),
    Layer.provide(Layer.orDie(Layer.mergeAll(agent(options), hooks(options)))),
    Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(stores(options)),
    Layer.provideMerge(NodeServices.layer),
    Layer.fresh
  )

/** One host, which halts nowhere. */
export const layer = (options: Options) => host({ ...options, halt: () => Effect.void })

/** Starts the host and answers when it is at its point; of `released` the model knows more. */
export const start = ({ home, model }: Home, point: Point, env: Readonly<Record<string, string>>) =>
  ChildScript.start(["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), home, model, point], env)

const say = (point: string) => Console.log(JSON.stringify({ point }))

const main = (home: string, model: string, point: string) => {
  let armed = false
  const here = { home, model }
  const halt: Halt = (at, rest = Effect.void) =>
    Effect.suspend(() =>
      armed && at === point
        ? Effect.ignore(rest).pipe(Effect.andThen(say(at)), Effect.andThen(Effect.never))
        : Effect.void
    )
  return Effect.gen(function*() {
    const agents = yield* ProviderService
    const transcripts = yield* TranscriptArchive
    yield* agents.startSession({
      threadId,
      instanceId,
      directory: workspace(here),
      runtimeMode: "full-access",
      title: "test"
    })
    yield* agents.runTurn({ threadId, prompt: prompts.first })
    yield* transcripts.snapshot({ threadId })
    armed = true
    yield* agents.sendTurn({ threadId, prompt: prompts.fill })
    if (point === "released") yield* say(point)
    return yield* Effect.never
  }).pipe(Effect.provide(host({ ...here, halt })))
}

/** `Effect.never` alone does not keep a process alive. */
const stayAlive = Effect.callback<never>(() => {
  const timer = setInterval(() => {}, 60_000)
  return Effect.sync(() => clearInterval(timer))
})

const [, script, home = "", model = "", point = ""] = process.argv
if (script === fileURLToPath(import.meta.url)) {
  Effect.runFork(
    Effect.raceFirst(main(home, model, point), stayAlive).pipe(
      Effect.provideService(Logger.LogToStderr, true),
      Effect.tapCause((cause) => Effect.sync(() => process.stderr.write(`${cause}\n`))),
      Effect.ensuring(Effect.sync(() => process.exit(1)))
    )
  )
}
