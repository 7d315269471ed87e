/**
 * Whether another Claude works with a session: a terminal, another program, or this library in another process. Each running
 * Claude notes itself in `<config>/sessions/<pid>.json` (2.1.332), also one that only prints. A note of one that was killed
 * stays behind, so it counts only if a process of that id runs that started then.
 *
 * The form of the start time is known of Linux alone. Elsewhere a note may fit no process, and then nothing is refused.
 */
import { Effect, FileSystem, Option, Path, Schema } from "effect"
import { HostProcesses } from "../../process/HostProcesses.ts"

const Note = Schema.Struct({
  pid: Schema.Int,
  sessionId: Schema.String,
  procStart: Schema.String,
  startedAt: Schema.Finite
})

type Note = typeof Note.Type

const decode = Schema.decodeOption(Schema.fromJsonString(Note))

/** `own` is the process id of a Claude of ours: then only those count that were there before it. */
export const isTaken = Effect.fnUntraced(function*(config: string, sessionId: string, own?: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = path.join(config, "sessions")
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])
  const texts = yield* Effect.forEach(
    names.filter((name) => name.endsWith(".json")),
    (name) => Effect.orElseSucceed(fs.readFileString(path.join(folder, name)), () => "")
  )
  const notes = texts.flatMap((text) => Option.toArray(decode(text))).filter((note) => note.sessionId === sessionId)
  const ours = notes.find(({ pid }) => pid === own)
  const others = notes.filter((note) => note !== ours && (ours === undefined || isBefore(note, ours)))
  return (yield* Effect.filter(others, isRunning)).length > 0
})

const isBefore = (note: Note, ours: Note): boolean =>
  note.startedAt < ours.startedAt || (note.startedAt === ours.startedAt && note.pid < ours.pid)

const isRunning = Effect.fnUntraced(function*({ pid, procStart }: Note) {
  const { startTime } = yield* HostProcesses
  return Option.contains(yield* startTime(pid), procStart)
})
