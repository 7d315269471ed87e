/**
 * A session taken back to before one of its turns: files by Claude's own checkpoints, the conversation by cutting its file.
 * Claude reads the file at its start, so its process is another one afterwards.
 *
 * Checkpoints are of what Claude's own tools changed. What a command changed stays (2.1.332).
 */
import { Effect, FileSystem, Option, Result, Schema } from "effect"
import { AgentProtocolError, TurnNotInSession } from "../../provider/AdapterError.ts"
import type { TurnPlace } from "../../provider/ProviderAdapter.ts"
import * as Copies from "./Copies.ts"
import * as Delivery from "./Delivery.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Transcript from "./Transcript.ts"

const Rewound = Schema.Struct({ canRewind: Schema.Boolean })

const decodeRewound = Schema.decodeUnknownOption(Rewound)

export const rewind = Effect.fnUntraced(function*(live: LiveSession.LiveSession, { ref, turnId }: TurnPlace) {
  const { instanceId } = live.cli
  if (ref === undefined) return yield* new TurnNotInSession({ instanceId, turnId, reason: "no-ref" })
  const { bytes } = yield* Copies.open(live, "rewind")
  if (before(new TextDecoder().decode(bytes), ref) === undefined) {
    return yield* new TurnNotInSession({ instanceId, turnId, reason: "not-found" })
  }
  yield* files(live, ref)
  const goesOn = yield* LiveSession.replace(live, cut(live, ref))
  yield* Delivery.restore(live)
  // A session without any message could not be resumed.
  if (!goesOn) yield* Delivery.tell(live, "The conversation was taken back to its beginning.")
})

const files = Effect.fnUntraced(function*({ cli }: LiveSession.LiveSession, ref: string) {
  const operation = "rewind_files"
  const answer = yield* Effect.result(cli.peer.call(operation, { user_message_id: ref }))
  const rewound = Result.isSuccess(answer) ? decodeRewound(answer.success) : Option.none()
  if (Option.isNone(rewound) || !rewound.value.canRewind) {
    return yield* new AgentProtocolError({
      instanceId: cli.instanceId,
      operation,
      name: "no checkpoint",
      body: Result.isSuccess(answer) ? answer.success : answer.failure
    })
  }
})

/** No process writes to the file now. Answers whether there is something to resume. */
const cut = Effect.fnUntraced(function*(live: LiveSession.LiveSession, ref: string) {
  const fs = yield* FileSystem.FileSystem
  const { bytes, failed, file } = yield* Copies.open(live, "rewind")
  const kept = before(new TextDecoder().decode(bytes), ref) ?? ""
  const isEmpty = !Transcript.linesOf(kept).some(({ entry }) => entry !== undefined && Transcript.isMessage(entry.line))
  const next = `${file}.next`
  yield* Effect.mapError(
    isEmpty ? fs.remove(file) : Effect.andThen(fs.writeFileString(next, kept, { mode: 0o600 }), fs.rename(next, file)),
    ({ reason }) => failed(reason._tag)
  )
  live.seen = isEmpty ? 0 : Buffer.byteLength(kept)
  return !isEmpty
})

/** The lines before the turn. */
const before = (text: string, ref: string): string | undefined => {
  const lines = Transcript.linesOf(text)
  const at = lines.findIndex(({ entry }) => entry?.line.uuid === ref && entry.line.type === "user")
  return at === -1 ? undefined : Transcript.textOf(lines.slice(0, Transcript.beginningOf(lines, at)))
}
