/**
 * A host process for tests: the whole library on a store file and a mock agent that dies with it. Its thread completes a
 * first turn; at the given point of the second one it says so in a line of JSON and waits to be killed. A store that it
 * may not have it says in a line, too.
 */
import { Console, Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { ProviderService, SessionStore, ThreadId, TurnId } from "../../src/index.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "./Agents.ts"
import * as ChildScript from "./ChildScript.ts"

/** Where the host is to be killed. */
export const points = [
  "before-intent",
  "after-intent",
  "sent",
  "accepted",
  "item",
  "approval",
  "before-end",
  "after-end",
  "before-stop",
  "after-stop"
] as const
/** Here the agent begins a turn of its own, says something, and hangs. Its sessions survive, in a file. */
export const ownTurn = "own-turn"
export type Point = (typeof points)[number] | typeof ownTurn

export const first = TurnId.make("first")
export const second = TurnId.make("second")

/** Starts it and answers once it has said its line. */
export const start = (filename: string, directory: string, point: Point) =>
  ChildScript.start([
    "--disable-warning=ExperimentalWarning",
    fileURLToPath(import.meta.url),
    filename,
    directory,
    point
  ])

const say = (what: unknown) => Console.log(JSON.stringify(what))

/** `Effect.never` alone does not keep a process alive. */
const stayAlive = Effect.callback<never>(() => {
  const timer = setInterval(() => {}, 60_000)
  return Effect.sync(() => clearInterval(timer))
})

/** The store, but time stands still at the point. */
const halting = (store: SessionStore["Service"], at: string): SessionStore["Service"] => {
  const here = (point: Point, turnId?: TurnId) =>
    at === point && (turnId === undefined || turnId === second)
      ? Effect.andThen(say({ point }), Effect.never)
      : Effect.void
  return {
    ...store,
    recordIntent: (turn) =>
      here("before-intent", turn.turnId).pipe(
        Effect.andThen(store.recordIntent(turn)),
        Effect.andThen(here("after-intent", turn.turnId))
      ),
    commit: (write) => {
      const events = write.parts.flatMap((part) => part.events)
      const at = (point: Point, tags: ReadonlyArray<string>) =>
        Effect.forEach(
          events,
          (event) =>
            tags.includes(event._tag) ? here(point, "turnId" in event ? event.turnId : undefined) : Effect.void,
          {
            discard: true
          }
        )
      const ends = ["TurnCompleted", "TurnFailed", "TurnInterrupted", "TurnUnknown"]
      return at("sent", ["TurnStarted"]).pipe(
        Effect.andThen(at("before-end", ends)),
        Effect.andThen(at("before-stop", ["SessionEnded"])),
        Effect.andThen(store.commit(write)),
        Effect.tap(at("accepted", ["TurnStarted"])),
        Effect.tap(at("item", ["ItemCompleted"])),
        Effect.tap(events.some(({ _tag }) => _tag === "TurnBegan") ? here(ownTurn) : Effect.void),
        Effect.tap(at("approval", ["ApprovalRequested"])),
        Effect.tap(at("after-end", ends)),
        Effect.tap(at("after-stop", ["SessionEnded"]))
      )
    }
  }
}

/** Where the agent of {@link ownTurn} keeps its sessions. */
export const diskIn = (directory: string) => MockAgentDisk.inFile(`${directory}/agent.disk`)

const main = (filename: string, directory: string, point: string) => {
  const store = SessionStore.layer.pipe(Layer.provide(SqliteClient.layer({ filename })))
  const host = Layer.unwrap(Effect.map(
    point === ownTurn ? diskIn(directory) : MockAgentDisk.make,
    (disk) =>
      Agents.layerOn(
        Layer.effect(SessionStore, Effect.map(SessionStore, (store) => halting(store, point))).pipe(
          Layer.provideMerge(store)
        ),
        { mock: { disk } }
      )
  ))
  const run = Effect.gen(function*() {
    const agents = yield* ProviderService
    const agent = yield* MockProvider
    const threadId = ThreadId.make("thread")
    yield* Agents.start({ directory })
    yield* agents.runTurn({ threadId, turnId: first, prompt: "remember 42" })
    if (point === ownTurn) {
      const { sessionId } = yield* agents.startSession({ threadId })
      yield* agent.beginTurn(sessionId, "background", () => [MockStep.text("by myself"), MockStep.hang])
      return yield* Effect.never
    }
    yield* agent.nextTurn(() => [
      MockStep.text("half"),
      // An end that comes with it would be stored with it, in one step.
      ...(point === "item" ? [MockStep.hang] : []),
      ...(point === "approval" ? [MockStep.command("make")] : []),
      MockStep.text("whole")
    ])
    yield* agents.runTurn({ threadId, turnId: second, prompt: "what was it?" })
    yield* agents.stopSession({ threadId })
  })
  return run.pipe(
    Effect.scoped,
    Effect.provide(host),
    Effect.catchTag("StoreOwned", ({ _tag, host, pid }) => say({ _tag, host, pid })),
    Effect.andThen(stayAlive)
  )
}

const [, script, filename = "", directory = "", point = ""] = process.argv
if (script === fileURLToPath(import.meta.url)) Effect.runFork(main(filename, directory, point))
