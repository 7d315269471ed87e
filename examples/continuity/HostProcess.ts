/**
 * The driver's side of the app: starts it as a process of its own, talks to it, stops it, or kills it for real.
 */
import { type Cause, Effect, Fiber, Queue, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { execPath, kill } from "node:process"
import { fileURLToPath } from "node:url"
import type { ThreadEvent } from "../../src/index.ts"
import { type Command, CommandLine, ReplyLine, Settings } from "./Protocol.ts"

/** The app said what went wrong: `error` is the library's error tag. */
export class AppFailed extends Schema.TaggedError<AppFailed>()("AppFailed", {
  error: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.reason} (${this.error})`
  }
}

/** The app ended when nobody had told it to. */
export class AppDied extends Schema.TaggedError<AppDied>()("AppDied", { output: Schema.String }) {
  override get message() {
    return `The app ended by itself; its last output:\n${this.output === "" ? "(none)" : this.output}`
  }
}

export interface HostProcess {
  readonly pid: number
  readonly tell: (command: Command) => Effect.Effect<void>
  /** The next event, in order. */
  readonly next: Effect.Effect<ThreadEvent, AppFailed | AppDied>
  /** Lets it stop in good order, and waits. */
  readonly stop: Effect.Effect<void>
  /** `kill -9`, and the wait for its end. Only itself: what it started lives on. */
  readonly kill: Effect.Effect<void>
}

/** Starts the app and waits until its services are there. It is stopped when the scope closes. */
export const start = Effect.fn("HostProcess.start")(function*(
  settings: Settings,
  env: Readonly<Record<string, string>>
) {
  const commands = yield* Queue.make<Command, Cause.Done>()
  const handle = yield* ChildProcess.make(
    execPath,
    [fileURLToPath(new URL("host.ts", import.meta.url)), yield* Effect.orDie(Schema.encodeEffect(Settings)(settings))],
    {
      env,
      extendEnv: true,
      stdin: Stream.fromQueue(commands).pipe(
        Stream.mapEffect((command) => Effect.orDie(Schema.encodeEffect(CommandLine)(command))),
        Stream.map((line) => `${line}\n`),
        Stream.encodeText
      ),
      forceKillAfter: "20 seconds"
    }
  )
  let output = ""
  const words = yield* Stream.decodeText(handle.stderr).pipe(
    Stream.runForEach((text) => Effect.sync(() => void (output = (output + text).slice(-2000)))),
    Effect.ignore,
    Effect.forkScoped
  )
  const replies = yield* handle.stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.mapEffect((line) => Schema.decodeEffect(ReplyLine)(line)),
    Stream.toQueue({ capacity: "unbounded" })
  )
  const reply = Queue.take(replies).pipe(
    Effect.catch(() => Effect.andThen(Fiber.await(words), Effect.suspend(() => Effect.fail(new AppDied({ output })))))
  )
  yield* reply
  const ended = Effect.ignore(handle.exitCode)
  const stop = Effect.andThen(Queue.end(commands), ended)
  yield* Effect.addFinalizer(() => Effect.timeoutOption(stop, "20 seconds"))
  const host: HostProcess = {
    pid: handle.pid,
    tell: (command) => Queue.offer(commands, command),
    next: Effect.gen(function*() {
      while (true) {
        const said = yield* reply
        if (said._tag === "Event") return said.event
        if (said._tag === "Failed") return yield* new AppFailed({ error: said.error, reason: said.message })
      }
    }),
    stop,
    kill: Effect.andThen(Effect.sync(() => kill(handle.pid, "SIGKILL")), ended)
  }
  return host
})
