import { Effect, FileSystem, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { TranscriptArchive } from "../../service/TranscriptArchive.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import { Output } from "../Output.ts"
import { app } from "../Root.ts"
import * as TerminalText from "../TerminalText.ts"
import { threadArgument } from "./show.ts"

export const exportThread = Command.make(
  "export",
  {
    threadId: threadArgument,
    format: Flag.Literals("format", ["markdown", "jsonl", "opencode"]).pipe(
      Flag.withDescription("`opencode` is what `opencode import` takes"),
      Flag.withDefault("markdown")
    ),
    snapshot: Flag.String("snapshot").pipe(
      Flag.withDescription("The snapshot to export. Default: one that is taken now"),
      Flag.optional
    ),
    to: Flag.String("out").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Where to write it. Default: stdout"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ format, snapshot, threadId, to }) {
    const archive = yield* TranscriptArchive
    const fs = yield* FileSystem.FileSystem
    const { json, note, result, terminal, write } = yield* Output
    const snapshotId = Option.isSome(snapshot)
      ? snapshot.value
      : (yield* Effect.andThen(note("Saving the transcript ..."), archive.snapshot({ threadId }))).snapshotId
    const file = yield* archive.export({ snapshot: { snapshotId }, format })
    const { messages, omitted, text } = file
    if (Option.isSome(to)) {
      // What an agent has said and read is as private as the store.
      yield* Effect.catch(
        fs.writeFileString(to.value, text, { mode: 0o600 }),
        ({ reason }) =>
          new CommandFailed({ reason: `${to.value} cannot be written (${reason._tag})`, code: exitCodes.failed })
      )
      yield* result({ file: to.value, snapshotId, format, messages, omitted }, () => [])
    } else if (json) {
      yield* result({ ...file, snapshotId }, () => [])
    } else {
      yield* write(terminal ? TerminalText.neutralise(text) : text)
    }
    const left = omitted === 0 ? "" : `; ${omitted} have no place in this format`
    yield* note(`${messages} messages of snapshot ${snapshotId}${left}`)
  })
).pipe(
  Command.withDescription("Write a conversation as Markdown, JSON lines or an OpenCode session"),
  Command.provide(app)
)
