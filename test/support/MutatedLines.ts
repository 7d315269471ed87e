/**
 * Lines of a peer, damaged, cut into chunks anywhere, and read by `StdioPeer`: what each line comes out as is compared with
 * what it must.
 */
import { assert } from "@effect/vitest"
import { Effect, Result, Sink, Stream } from "effect"
import { StdioPeer } from "../../src/adapter/index.ts"
import { below, mutate, type Random, seeded } from "./Mutation.ts"
import * as Peers from "./Peers.ts"

/** As an agent with Codex' framing sends them; "type" is what the damage changes most. */
const frames = [
  { method: "turn/started", params: { threadId: "t", turn: { id: "u", type: "turn", status: "inProgress" } } },
  { method: "item/started", params: { item: { type: "agentMessage", id: "m", text: "" }, turnId: "u" } },
  { method: "item/agentMessage/delta", params: { itemId: "m", delta: "naïve 🧀 \u2028 \\n \"quoted\"" } },
  { method: "item/agentMessage/delta", params: { itemId: "m", delta: "x".repeat(3_000) } },
  { id: 0, method: "item/commandExecution/requestApproval", params: { itemId: "c", command: ["rm", "-rf", "/"] } },
  { id: "r-1", method: "item/tool/requestUserInput", params: { questions: [{ id: "q", type: "text" }] } },
  { id: 77, result: { thread: { id: "t", path: null } } },
  { id: 78, error: { code: -32600, message: "no", data: { type: "none" } } },
  { method: "turn/completed", params: { turn: { id: "u", status: "completed", error: null } } }
]
const lines = frames.map((frame) => JSON.stringify(frame))

type Outcome = "Notification" | "Request" | "StrayAnswer" | "UnknownFrame" | "not-json" | "not-utf8"

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const expectedOf = (line: string): Outcome => {
  const parsed = Result.try((): unknown => JSON.parse(line))
  if (Result.isFailure(parsed)) return "not-json"
  const { success: frame } = parsed
  if (!isObject(frame)) return "UnknownFrame"
  const { id, method } = frame
  if (typeof method === "string") {
    if (id === undefined) return "Notification"
    return typeof id === "string" || typeof id === "number" ? "Request" : "UnknownFrame"
  }
  return id === undefined || method !== undefined ? "UnknownFrame" : "StrayAnswer"
}

/** Some damage that text cannot have. */
const bytesOf = (line: string, random: Random): { readonly bytes: Buffer; readonly outcome: Outcome | undefined } => {
  const bytes = Buffer.from(`${line}${random() < 0.1 ? "\r" : ""}\n`)
  if (line === "") return { bytes, outcome: undefined }
  if (random() > 0.02) return { bytes, outcome: expectedOf(line) }
  bytes[below(random, bytes.length - 2)] = 0xff
  return { bytes, outcome: "not-utf8" }
}

export const run = Effect.fnUntraced(function*(options: { readonly frames: number; readonly seed: number }) {
  const random = seeded(options.seed)
  const expected: Array<Outcome> = []
  const seen: Array<Outcome> = []
  let damaged = 0

  const chunks = function*() {
    while (expected.length < options.frames) {
      const batch = mutate([...lines, ...lines, ...lines], random)
      damaged += batch.damaged
      const sent = batch.sent.map(({ line }) => bytesOf(line, random))
      for (const { outcome } of sent) if (outcome !== undefined) expected.push(outcome)
      let rest = Buffer.concat(sent.map(({ bytes }) => bytes))
      while (rest.length > 0) {
        const length = 1 + below(random, random() < 0.5 ? 40 : 20_000)
        yield rest.subarray(0, length)
        rest = rest.subarray(length)
      }
    }
  }

  const note = (outcome: Outcome) => {
    seen.push(outcome)
    return Effect.void
  }
  const peer = yield* StdioPeer.make({
    stdin: Sink.drain,
    stdout: Stream.fromIterable(chunks(), { chunkSize: 1 }),
    exit: Effect.succeed({ exitCode: 0 }),
    tail: Effect.succeed("")
  }, {
    protocol: Peers.protocol,
    onNotification: () => note("Notification"),
    onRequest: () => Effect.as(note("Request"), null),
    onReport: (report) => {
      switch (report._tag) {
        case "BadLine":
          return note(report.reason === "not-utf8" ? "not-utf8" : "not-json")
        case "UnknownFrame":
        case "StrayAnswer":
          return note(report._tag)
        default:
          return Effect.die(report)
      }
    }
  })
  yield* peer.closed
  assert.strictEqual(seen.length, expected.length)
  const first = seen.findIndex((outcome, n) => outcome !== expected[n])
  assert.strictEqual(first, -1, `line ${first}: ${seen[first]} instead of ${expected[first]}`)
  return { lines: seen.length, damaged }
})
