/**
 * What OpenCode itself has stored of a session, from which it builds every request: the measure where the model belongs
 * to the user and nobody can look over its shoulder. Counts in the same unit as `History.ts`.
 */
import { Effect, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import type { SessionId } from "../../src/index.ts"
import type { Measure, Received } from "./History.ts"

export class ExportFailed extends Schema.TaggedError<ExportFailed>()("ExportFailed", { reason: Schema.String }) {
  override get message() {
    return `OpenCode did not export the session: ${this.reason}`
  }
}

const Export = Schema.fromJsonString(Schema.Struct({
  messages: Schema.Array(Schema.Struct({
    info: Schema.Struct({ role: Schema.String }),
    parts: Schema.Array(Schema.Struct({
      type: Schema.String,
      text: Schema.optionalKey(Schema.String),
      synthetic: Schema.optionalKey(Schema.Boolean)
    }))
  }))
}))
type Message = typeof Export.Type["messages"][number]

export const measure = Effect.fnUntraced(function*(binary: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const read = Effect.fnUntraced(
    function*(sessionId: SessionId) {
      const command = ChildProcess.make(binary, ["export", sessionId], { stdin: "ignore", stderr: "ignore" })
      const handle = yield* spawner.spawn(command)
      const text = yield* Stream.mkString(Stream.decodeText(handle.stdout))
      return (yield* Schema.decodeEffect(Export)(text)).messages
    },
    Effect.scoped,
    Effect.mapError((error) => new ExportFailed({ reason: error.message }))
  )
  const measure: Measure = {
    at: "provider",
    arrived: (sessionIds) => Effect.map(Effect.forEach(sessionIds, read), receivedIn)
  }
  return measure
})

const receivedIn = (sessions: ReadonlyArray<ReadonlyArray<Message>>) => (prompt: string): Received => {
  const asked = sessions.flatMap((messages) =>
    messages.flatMap((message, index) => questionOf(message) === prompt ? [messages.slice(0, index)] : [])
  )
  const past = asked[0] ?? []
  return {
    times: asked.length,
    messages: past.reduce((sum, message) => sum + sizeOf(message), 0),
    questions: past.flatMap((message) => questionOf(message) ?? [])
  }
}

const textsOf = ({ parts }: Message) =>
  parts.flatMap((part) => part.type === "text" && part.synthetic !== true ? part.text ?? [] : [])

const questionOf = (message: Message) => message.info.role === "user" ? textsOf(message).join("\n") : undefined

const sizeOf = (message: Message) =>
  message.info.role === "user"
    ? 1
    : textsOf(message).filter((text) => text !== "").length + 2 * message.parts.filter(isTool).length

const isTool = (part: Message["parts"][number]) => part.type === "tool"
