import { Effect, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { ProviderService } from "../../service/ProviderService.ts"
import type { ThreadInfo } from "../../service/Results.ts"
import * as Directory from "../Directory.ts"
import * as Flags from "../Flags.ts"
import { Output } from "../Output.ts"
import { app } from "../Root.ts"
import * as TerminalText from "../TerminalText.ts"

const lineOf = (paint: Output["Service"]["paint"], now: number) => (thread: ThreadInfo) => {
  const { activeAt, directory, instanceId, openRequests, status, threadId, title } = thread
  const waits = openRequests.length === 0 ? "" : ` ${paint("yellow", `${openRequests.length} open`)}`
  return [
    paint("bold", TerminalText.line(threadId, 40)).padEnd(28),
    status.padEnd(10),
    TerminalText.line(instanceId, 12).padEnd(10),
    agoOf(now - activeAt).padEnd(8),
    TerminalText.line(title ?? directory, 60) + waits
  ].join("  ").trimEnd()
}

const units: ReadonlyArray<readonly [millis: number, name: string]> = [[86_400_000, "d"], [3_600_000, "h"], [
  60_000,
  "m"
]]

/** How long ago, in its largest unit. */
export const agoOf = (millis: number): string => {
  const [size, name] = units.find(([size]) => millis >= size) ?? [1000, "s"]
  return `${Math.max(0, Math.floor(millis / size))}${name} ago`
}

export const threads = Command.make(
  "threads",
  {
    limit: Flags.within("limit", 1, 1000).pipe(
      Flag.withDescription("How many at most, newest first"),
      Flag.withDefault(50)
    ),
    directory: Flag.String("directory").pipe(Flag.withDescription("Only those that work there"), Flag.optional),
    archived: Flag.Boolean("archived").pipe(Flag.withDescription("Those that were put away"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*({ archived, directory, limit }) {
    const agents = yield* ProviderService
    const { note, paint, result } = yield* Output
    const path = yield* Path.Path
    // One that is gone has threads still.
    const where = Option.isNone(directory)
      ? undefined
      : yield* Effect.catchTag(
        Directory.real(directory.value),
        "CommandFailed",
        () => Effect.succeed(path.resolve(directory.value))
      )
    const { threads, unreadable } = yield* agents.listThreads({ limit, where: { archived, directory: where } })
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    yield* result({ threads, unreadable }, () => threads.map(lineOf(paint, now)))
    if (threads.length === 0) yield* note("There are no threads; `eca chat` begins one.")
    yield* Effect.forEach(unreadable, ({ reason, threadId }) => note(`${TerminalText.line(threadId)}: ${reason}`))
  })
).pipe(
  Command.withDescription("List threads, newest activity first"),
  Command.provide(app)
)
