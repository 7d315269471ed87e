import { Effect, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ThreadId } from "../../domain/Ids.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import * as Flags from "../Flags.ts"
import { Output } from "../Output.ts"
import { app } from "../Root.ts"
import * as TerminalText from "../TerminalText.ts"
import { turnLines } from "../Transcript.ts"

export const threadArgument = Argument.String("thread").pipe(
  Argument.withDescription("The thread, as `eca threads` names it"),
  Argument.withSchema(ThreadId)
)

export const show = Command.make(
  "show",
  {
    threadId: threadArgument,
    turns: Flags.within("turns", 0, 1000).pipe(
      Flag.withDescription("How many of the last turns"),
      Flag.withDefault(10)
    ),
    events: Flag.Boolean("events").pipe(
      Flag.withDescription("Every stored event as JSON, one a line, in place of the turns"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ events, threadId, turns }) {
    const agents = yield* ProviderService
    const { paint, result, write } = yield* Output
    const thread = yield* agents.getThread({ threadId })
    if (events) {
      if (thread.lastSeq === 0) return
      return yield* agents.streamEvents({ threadId }).pipe(
        Stream.takeUntil(({ seq }) => seq >= thread.lastSeq),
        // JSON has control characters escaped but for DEL and C1.
        Stream.runForEach((event) => write(`${JSON.stringify(event)}\n`))
      )
    }
    const last = turns === 0 ? [] : yield* agents.readTranscript({ threadId, from: "end", limit: turns })
    const shown = last.toReversed()
    const { directory, instanceId, openRequests, runtimeMode, sessionId = "none yet", status, title, usage } = thread
    yield* result({ thread, turns: shown }, () => [
      paint("bold", TerminalText.line(title ?? threadId)),
      `status     ${status}`,
      `agent      ${TerminalText.line(instanceId)}, session ${TerminalText.line(sessionId)}`,
      `directory  ${TerminalText.line(directory, 200)} (${runtimeMode})`,
      `usage      ${usage.tokens} tokens, $${usage.costUsd.toFixed(4)}`,
      ...openRequests.map(({ _tag, request }) => paint("yellow", `open       ${_tag} ${request.requestId}`)),
      "",
      ...shown.flatMap((turn) => turnLines(turn, paint))
    ])
  })
).pipe(
  Command.withDescription("Show a thread and its last turns"),
  Command.provide(app)
)
