/**
 * What a snapshot costs on a long conversation: 2,000 messages with tool calls and their output, of which every 50th
 * holds a secret to redact, and 20 new messages before each further snapshot. The tenth is compared with the first, by
 * what it writes and by how long it takes, redaction, flushes and the sweep after it included.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { Epoch, InstanceId, ItemId, ProviderName, SessionId, SessionStore, ThreadId } from "../src/index.ts"
import type { HistoryMessage } from "../src/provider/ProviderAdapter.ts"
import * as Snapshots from "../src/transcript/internal/snapshots.ts"
import { figure, median, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const words = (n: number, seed: number) =>
  Array.from({ length: n }, (_, index) => `word${(index * 7919 + seed * 104_729) % 10_007}`).join(" ")

const message = (n: number): HistoryMessage => {
  const id = `msg_${n}`
  const text = `${words(60, n)}${n % 50 === 0 ? ` password=hunter${n}hunter` : ""}`
  const output = words(200, n + 1)
  return n % 2 === 0
    ? {
      id,
      role: "user",
      at: n,
      finished: true,
      items: [{ _tag: "UserMessage", itemId: ItemId.make(id), text, attachments: [] }],
      usage: undefined,
      raw: { info: { id, role: "user" }, parts: [{ id: `${id}-p`, type: "text", text }] }
    }
    : {
      id,
      role: "assistant",
      at: n,
      finished: true,
      items: [
        { _tag: "Command", itemId: ItemId.make(`${id}-t`), command: "npm test", output, status: "completed" },
        { _tag: "AssistantMessage", itemId: ItemId.make(`${id}-p`), text }
      ],
      usage: { input: 100, output: 20, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
      raw: {
        info: { id, role: "assistant" },
        parts: [
          { id: `${id}-t`, type: "tool", state: { status: "completed", input: { command: "npm test" }, output } },
          { id: `${id}-p`, type: "text", text }
        ]
      }
    }
}

const conversation = Effect.gen(function*() {
  const folder = yield* MockHost.folder
  const snapshots = yield* Snapshots.make
  const take = (n: number) => {
    const messages = Array.from({ length: 2000 + n * 20 }, (_, index) => message(index))
    let bytes = 0
    return millis(
      snapshots.write({
        folder: `${folder}/sessions`,
        snapshotId: `s${n}`,
        threadId: ThreadId.make("long"),
        epoch: Epoch.make(1),
        identity: {
          provider: ProviderName.make("mock"),
          instanceId: InstanceId.make("mock"),
          sessionId: SessionId.make("session"),
          directory: folder
        },
        createdAt: n,
        timing: "before",
        history: { format: "mock/1", agentVersion: "1", session: null, messages },
        archive: [],
        refs: new Map()
      }).pipe(Effect.tap(({ bytesWritten }) => Effect.sync(() => void (bytes = bytesWritten))))
    ).pipe(Effect.map((took) => ({ bytes, took })))
  }
  return yield* Effect.forEach(Array.from({ length: 10 }, (_, n) => n), take)
}).pipe(Effect.scoped)

export const measure = Effect.gen(function*() {
  // The first one does not count: it is the code that becomes warm.
  const rounds = (yield* Effect.forEach([0, 1, 2, 3], () =>
    conversation.pipe(
      Effect.provide(Layer.fresh(SessionStore.layerMemory))
    ))).slice(1)
  const of = (n: number, key: "bytes" | "took") => rounds.map((round) => round[n]?.[key] ?? Number.NaN)
  const ratio = (key: "bytes" | "took") => median(of(9, key)) / median(of(0, key))
  return [
    figure({ name: "first snapshot of 2,000 messages", unit: "ms", ours: of(0, "took") }),
    figure({ name: "tenth snapshot, 20 messages more each", unit: "ms", ours: of(9, "took") }),
    figure({ name: "time of the tenth to the first", unit: "ratio", ours: [ratio("took")] }),
    figure({ name: "first snapshot writes", unit: "bytes", ours: of(0, "bytes") }),
    figure({
      name: "bytes of the tenth to the first",
      unit: "ratio",
      ours: [ratio("bytes")],
      goal: { text: "0.1", met: ({ ours }) => ours <= 0.1 }
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
