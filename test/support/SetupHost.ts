/**
 * A host process for tests that is to be killed while a session with a setup is being started: the whole library on a store
 * file, and an agent whose sessions outlive the process. Its thread completes a turn, and its session is stopped; at the given
 * point of the next start it says so in a line and waits.
 */
import { Console, Effect, Layer, Redacted } from "effect"
import { appendFileSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { LifecycleHooks, ProviderService, SessionStore, ThreadId, TurnId } from "../../src/index.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockAgentDisk, MockProvider } from "../../src/testing/index.ts"
import * as Agents from "./Agents.ts"
import * as ChildScript from "./ChildScript.ts"

/** In the hook; between the hook and the agent; between the agent and the store; once the session is bound. */
export const points = ["asked", "given", "started", "bound"] as const
export type Point = (typeof points)[number]

export const first = TurnId.make("first")
export const second = TurnId.make("second")

/** What the session of this epoch is given. */
export const secretOf = (epoch: number) => `walnut-${epoch}-abendrot-kx4`

export const diskIn = (directory: string) => MockAgentDisk.inFile(`${directory}/agent.disk`)

const notesIn = (directory: string) => `${directory}/notes`

/** Why sessions were started, in all processes, and which of their setups were released. */
export const notes = (directory: string) => readFileSync(notesIn(directory), "utf8").trimEnd().split("\n")

/** Gives each session a secret of its own, and notes it. */
export const hook = (directory: string, asked: Effect.Effect<unknown> = Effect.void) =>
  LifecycleHooks.setup({
    name: "vault",
    run: ({ cause, epoch }) =>
      Effect.acquireRelease(
        Effect.sync(() => appendFileSync(notesIn(directory), `${cause} ${epoch}\n`)),
        () => Effect.sync(() => appendFileSync(notesIn(directory), `over ${epoch}\n`))
      ).pipe(
        Effect.andThen(asked),
        Effect.as({ environment: { TOKEN: Redacted.make(secretOf(epoch)) } })
      )
  })

/** Starts it and answers once it has said its line. */
export const start = (filename: string, directory: string, point: Point) =>
  ChildScript.start([
    "--disable-warning=ExperimentalWarning",
    fileURLToPath(import.meta.url),
    filename,
    directory,
    point
  ])

/** Says where it is, and stays there. */
export const halt = (point: string) =>
  Effect.andThen(
    Console.log(point),
    Effect.callback<never>(() => {
      const timer = setInterval(() => {}, 60_000)
      return Effect.sync(() => clearInterval(timer))
    })
  )

/** A store in a file, with something to happen before and after each commit that opens an epoch. */
export const storeIn = (filename: string, at: (point: "started" | "bound") => Effect.Effect<unknown>) =>
  Layer.effect(
    SessionStore,
    Effect.map(SessionStore, (store) =>
      SessionStore.of({
        ...store,
        commit: (write) => {
          const opens = write.parts.some(({ expect }) => expect === "none")
          return Effect.tap(
            opens ? Effect.andThen(at("started"), store.commit(write)) : store.commit(write),
            opens ? at("bound") : Effect.void
          )
        }
      }))
  ).pipe(Layer.provideMerge(SessionStore.layer.pipe(Layer.provide(SqliteClient.layer({ filename })))))

const main = (filename: string, directory: string, point: string) => {
  let again = false
  const at = (here: Point) => Effect.suspend(() => again && here === point ? halt(here) : Effect.void)
  const host = Layer.unwrap(
    Effect.map(
      diskIn(directory),
      (disk) => Agents.layerOn(storeIn(filename, at), { mock: { disk }, hooks: [hook(directory, at("asked"))] })
    )
  )
  const threadId = ThreadId.make("thread")
  return Effect.gen(function*() {
    const agents = yield* ProviderService
    const agent = yield* MockProvider
    yield* Agents.start({ directory })
    yield* agents.runTurn({ threadId, turnId: first, prompt: "remember 42" })
    yield* agents.stopSession({ threadId })
    again = true
    yield* agent.slowStart(at("given"))
    yield* agents.runTurn({ threadId, turnId: second, prompt: "what was it?" })
  }).pipe(Effect.scoped, Effect.provide(host))
}

const [, script, filename = "", directory = "", point = ""] = process.argv
if (script === fileURLToPath(import.meta.url)) Effect.runFork(main(filename, directory, point))
