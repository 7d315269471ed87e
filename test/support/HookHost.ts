/**
 * A host process for tests: opens the store of the given file, begins a turn that a durable hook is told of, says from
 * inside of that hook, in one line of JSON, what it was told, and waits there to be killed.
 */
import { Console, Effect } from "effect"
import { fileURLToPath } from "node:url"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import * as ChildScript from "./ChildScript.ts"
import { dispatcher, record, register, turnStarted } from "./Hooks.ts"
import { openThread, withStore } from "./StoreFixture.ts"

/** What the hook goes by, in every run. */
export const hook = { name: "analytics", events: ["turn:start", "session:end"] } as const

/** Starts it and answers once it has said its line. */
export const start = (filename: string) =>
  ChildScript.start(["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), filename])

/** `Effect.never` alone does not keep a process alive. */
const stayAlive = Effect.callback<never>(() => {
  const timer = setInterval(() => {}, 60_000)
  return Effect.sync(() => clearInterval(timer))
})

const main = (filename: string) =>
  Effect.gen(function*() {
    const hooks = yield* dispatcher
    yield* register(LifecycleHooks.observe({
      ...hook,
      run: (event) => Effect.andThen(Console.log(JSON.stringify(event)), stayAlive)
    }))
    yield* openThread()
    yield* record(hooks, [turnStarted("a"), turnStarted("b")])
    return yield* stayAlive
  }).pipe(
    Effect.scoped,
    Effect.provide(LifecycleHooks.layer),
    (host) => withStore(filename, host)
  )

const [, script, filename = ""] = process.argv
if (script === fileURLToPath(import.meta.url)) Effect.runFork(main(filename))
