/**
 * Conversations of an app that holds `{ resume }` as its cursor of Claude.
 */
import { Effect, Option, Schema, Stream } from "effect"
import { InstanceId, ProviderService, SessionId, ThreadId, Transcript } from "../../src/index.ts"

/** What the old app has of a conversation. */
interface OldThread {
  readonly id: string
  readonly title: string
  readonly directory: string
  readonly cursor: unknown
  readonly messages: ReadonlyArray<Transcript.Message>
}

const Cursor = Schema.Struct({ resume: SessionId })

/** Brings one conversation along. Run again, it leaves alone what is there already. */
export const migrate = Effect.fnUntraced(function*(old: OldThread) {
  const agents = yield* ProviderService
  const cursor = Option.getOrUndefined(Schema.decodeUnknownOption(Cursor)(old.cursor))
  yield* agents.importThread({
    threadId: ThreadId.make(old.id),
    instanceId: InstanceId.make("claude"),
    directory: old.directory,
    title: old.title,
    sessionId: cursor?.resume,
    turns: Stream.fromIterable(Transcript.fromMessages(old.messages))
  }).pipe(Effect.catchTag("ThreadExists", () => Effect.void))
})
