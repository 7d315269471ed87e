/** Ways in which a turn ends other than well, and what the library must make of each. */
import { type Duration, Schema, Stream } from "effect"
import type { TurnFailure } from "../../src/domain/TurnFailure.ts"
import { ModelReply, type ModelRequest } from "../../src/testing/index.ts"

export interface Case {
  readonly label: string
  /** What the model answers to the `call`-th call of the turn, from 0. */
  readonly model: (call: number, request: ModelRequest) => ModelReply.Reply
  readonly prompt?: { readonly agent?: string; readonly modelID?: string }
  /** How long nothing is heard when the turn is over; longer than OpenCode waits between two tries. */
  readonly quiet?: Duration.Input
  /** When the user stops the turn: at its first text, or while it waits to try again. */
  readonly stop?: "text" | "retry"
  readonly expected: Ending
}

export type Ending =
  | "TurnCompleted"
  | "TurnInterrupted"
  /** OpenCode does not take the prompt, so there is no turn. */
  | "NotAccepted"
  | TurnFailure["_tag"]
  | { readonly _tag: "ModelFailed"; readonly name: string; readonly status?: number; readonly retryable: boolean }
  | { readonly _tag: "Refused"; readonly name: string }

const { call, text } = ModelReply
const soon = { "retry-after-ms": "20" }

const error = (status: number, message: string, code?: string) =>
  ModelReply.error(status, {
    headers: soon,
    body: { error: { message, type: "scripted", ...(code === undefined ? {} : { code }) } }
  })

const failed = (status: number, retryable: boolean): Ending => ({
  _tag: "ModelFailed",
  name: "APIError",
  status,
  retryable
})

const always = (reply: ModelReply.Reply) => () => reply
const then = (first: ModelReply.Reply) => (call: number) => call === 0 ? first : text("Done.")

export const cases: ReadonlyArray<Case> = [
  {
    label: "401",
    model: always(error(401, "Incorrect API key provided", "invalid_api_key")),
    expected: failed(401, false)
  },
  { label: "403", model: always(error(403, "Not allowed", "permission_denied")), expected: failed(403, false) },
  {
    label: "404",
    model: always(error(404, "The model does not exist", "model_not_found")),
    expected: failed(404, false)
  },
  { label: "400", model: always(error(400, "Invalid request")), expected: failed(400, false) },
  { label: "413", model: always(error(413, "Too large")), expected: "ContextOverflow" },
  { label: "422", model: always(error(422, "Unprocessable")), expected: failed(422, false) },
  {
    label: "429 for good",
    model: always(error(429, "Rate limit reached", "rate_limit_exceeded")),
    expected: failed(429, true)
  },
  {
    label: "429 with no quota",
    model: always(error(429, "You exceeded your quota", "insufficient_quota")),
    expected: failed(429, true)
  },
  { label: "500 for good", model: always(error(500, "Internal error")), expected: failed(500, true) },
  { label: "503 for good", model: always(error(503, "Overloaded")), expected: failed(503, true) },
  {
    label: "503 with a page for a body",
    model: always(ModelReply.error(503, { headers: soon, body: "<p>" })),
    expected: failed(503, true)
  },
  {
    label: "500 once",
    model: (call) => call === 0 ? error(500, "Internal error") : text("Done."),
    expected: "TurnCompleted"
  },
  {
    label: "the context is too long, once",
    model: then(error(400, "This is too long", "context_length_exceeded")),
    expected: "TurnCompleted"
  },
  {
    label: "the context is too long for good",
    model: always(error(400, "This is too long", "context_length_exceeded")),
    expected: "ContextOverflow"
  },
  {
    label: "the output is filtered",
    model: always(ModelReply.text("No", { finish: "content-filter" })),
    expected: "OutputFiltered"
  },
  {
    label: "the output is cut off",
    model: always(ModelReply.text("And", { finish: "length" })),
    expected: "OutputTruncated"
  },
  { label: "a tool's arguments are no JSON", model: then(call("bash", `{"command":`)), expected: "TurnCompleted" },
  {
    label: "a tool's arguments are of another shape",
    model: then(call("bash", { command: 1 })),
    expected: "TurnCompleted"
  },
  { label: "a tool is unknown", model: then(call("teleport", {})), expected: "TurnCompleted" },
  { label: "a tool fails", model: then(call("read", { filePath: "nowhere.txt" })), expected: "TurnCompleted" },
  {
    label: "the user stops the text",
    model: always(ModelReply.text(Stream.concat(Stream.make("Half"), Stream.never))),
    stop: "text",
    expected: "TurnInterrupted"
  },
  {
    label: "the user stops the retries",
    model: always(ModelReply.error(429, { headers: { "retry-after-ms": "60000" }, body: "slow" })),
    stop: "retry",
    expected: "TurnInterrupted"
  },
  {
    label: "the stream is dropped for good",
    model: always(ModelReply.cut("Ha")),
    quiet: "45 seconds",
    expected: { _tag: "ModelFailed", name: "APIError", retryable: true }
  },
  {
    label: "the model is unknown",
    model: always(text("never")),
    prompt: { modelID: "nothing" },
    expected: { _tag: "Refused", name: "UnknownError" }
  },
  { label: "the agent is unknown", model: always(text("never")), prompt: { agent: "nobody" }, expected: "NotAccepted" }
]

// --- what is kept of a turn ---

export const Recorded = Schema.Struct({
  label: Schema.String,
  operation: Schema.Literal("turn"),
  session: Schema.String,
  /** The prompt's message id. */
  prompt: Schema.String,
  /** Position of the first frame after the user asked to stop. */
  stopped: Schema.optionalKey(Schema.Int),
  frames: Schema.Array(Schema.Struct({ type: Schema.String, properties: Schema.Unknown })),
  /** `session.messages` when the turn was over. */
  messages: Schema.Array(Schema.Unknown),
  expected: Schema.Unknown
})
export type Recorded = typeof Recorded.Type
