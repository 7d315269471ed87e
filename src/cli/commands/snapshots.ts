import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { ProviderService } from "../../service/ProviderService.ts"
import { TranscriptArchive } from "../../service/TranscriptArchive.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import { Output } from "../Output.ts"
import { app } from "../Root.ts"
import * as TerminalText from "../TerminalText.ts"
import { threadArgument } from "./show.ts"

export const snapshots = Command.make(
  "snapshots",
  {
    threadId: threadArgument,
    take: Flag.Boolean("take").pipe(
      Flag.withDescription("Save the conversation as it stands first"),
      Flag.withDefault(false)
    ),
    verify: Flag.Boolean("verify").pipe(
      Flag.withDescription("Read and hash everything that each snapshot holds"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ take, threadId, verify }) {
    const archive = yield* TranscriptArchive
    const { note, paint, result } = yield* Output
    if (take) {
      yield* note("Saving the transcript ...")
      yield* archive.snapshot({ threadId })
    }
    const found = yield* archive.list({ threadId })
    // Snapshots of a thread outlive it; one that has none has to be there.
    if (found.length === 0) yield* Effect.flatMap(ProviderService, (service) => service.getThread({ threadId }))
    const problemOf = (snapshotId: string) =>
      archive.verify({ snapshotId }).pipe(Effect.as(""), Effect.catch((error) => Effect.succeed(error.message)))
    const checked = yield* Effect.forEach(found, (record) =>
      Effect.map(
        verify ? problemOf(record.snapshot.snapshotId) : Effect.succeed(undefined),
        (problem) => ({ ...record, problem })
      ))
    yield* result({ snapshots: checked }, () =>
      checked.map(({ createdAt, problem, snapshot }) => {
        const { bytes, completeness, messages, snapshotId, timing } = snapshot
        const when = new Date(createdAt).toISOString()
        const size = `${messages} messages, ${bytes} bytes`
        const verdict = problem === undefined
          ? []
          : [problem === "" ? paint("green", "verified") : paint("red", TerminalText.line(problem, 200))]
        return [snapshotId, when, timing.padEnd(10), completeness.padEnd(8), size, ...verdict].join("  ")
      }))
    if (found.length === 0) yield* note(`There are no snapshots; \`eca snapshots ${threadId} --take\` makes one.`)
    const damaged = checked.filter(({ problem = "" }) => problem !== "").length
    if (damaged > 0) {
      return yield* new CommandFailed({ reason: `${damaged} snapshots are damaged`, code: exitCodes.failed })
    }
  })
).pipe(
  Command.withDescription("List the saved transcripts of a thread, newest first"),
  Command.provide(app)
)
