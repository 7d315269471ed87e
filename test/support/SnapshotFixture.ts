/** Conversations to take snapshots of, and the engine on a temporary folder with its index in memory. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Path } from "effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { Epoch, InstanceId, ItemId, ProviderName, SessionId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { TranscriptTurn } from "../../src/domain/Transcript.ts"
import type { HistoryMessage, ProviderHistory } from "../../src/provider/ProviderAdapter.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { SnapshotIndex } from "../../src/store/SnapshotIndex.ts"
import * as Snapshots from "../../src/transcript/internal/snapshots.ts"
import { temporaryFolder } from "./StoreFixture.ts"

export const threadId = ThreadId.make("thread-1")

export const identity = {
  provider: ProviderName.make("acme"),
  instanceId: InstanceId.make("acme-1"),
  sessionId: SessionId.make("session-1"),
  directory: "/project"
}

export const user = (id: string, text: string, at = 0): HistoryMessage => ({
  id,
  role: "user",
  at,
  finished: true,
  items: [{ _tag: "UserMessage", itemId: ItemId.make(id), text, attachments: [] }],
  usage: undefined,
  raw: { info: { id, role: "user", time: { created: at } }, parts: [{ id: `${id}-p`, type: "text", text }] }
})

export const assistant = (id: string, text: string, at = 0): HistoryMessage => ({
  id,
  role: "assistant",
  at,
  finished: true,
  items: [{ _tag: "AssistantMessage", itemId: ItemId.make(`${id}-p`), text }],
  usage: { input: 10, output: 5, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
  raw: { info: { id, role: "assistant", time: { created: at } }, parts: [{ id: `${id}-p`, type: "text", text }] }
})

export const history = (messages: ReadonlyArray<HistoryMessage>, session: unknown = { id: "session-1" }) => ({
  format: "acme/1",
  agentVersion: "1.2.3",
  session,
  messages
} satisfies ProviderHistory)

/** A conversation of `n` messages that is always the same. */
export const conversation = (n: number): ReadonlyArray<HistoryMessage> =>
  Array.from({ length: n }, (_, index) =>
    index % 2 === 0
      ? user(`m${index}`, `question ${index} ${"why? ".repeat(20)}`, index)
      : assistant(`m${index}`, `answer ${index} ${"because. ".repeat(40)}`, index))

export const turn = (
  id: string,
  startedAt: number,
  items: ReadonlyArray<TranscriptTurn["items"][number]>,
  input: TranscriptTurn["input"] = { prompt: `prompt ${id}` }
): TranscriptTurn => ({
  turnId: TurnId.make(id),
  epoch: Epoch.make(1),
  startedAt,
  input,
  items: [
    {
      _tag: "UserMessage",
      itemId: ItemId.make(`${id}.user.0`),
      text: input.prompt,
      attachments: (input.attachments ?? []).map((attachment) =>
        attachment._tag === "File" ? attachment.path : attachment.name
      )
    },
    ...items
  ],
  outcome: "completed"
})

export const says = (id: string, text: string): TranscriptTurn["items"][number] => ({
  _tag: "AssistantMessage",
  itemId: ItemId.make(id),
  text
})

export const input = (
  folder: string,
  snapshotId: string,
  given: Partial<Snapshots.SnapshotInput> = {}
): Snapshots.SnapshotInput => ({
  folder,
  snapshotId,
  threadId,
  epoch: Epoch.make(1),
  identity,
  createdAt: 1000,
  timing: "before",
  history: history(conversation(4)),
  archive: [],
  refs: new Map(),
  ...given
})

export const platform = Layer.merge(NodeServices.layer, SessionStore.layerMemory)

/** An engine on a new folder. */
export const engine = Effect.gen(function*() {
  const folder = join(yield* temporaryFolder, "sessions")
  const snapshots = yield* Snapshots.make
  const index = yield* SnapshotIndex
  const path = yield* Path.Path
  return { folder, snapshots, index, path }
})

/** Every file below a folder, by its path from there. */
export const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(folder, name)).isFile())
    .toSorted()

/** All that lies on the disk. */
export const bytesIn = (folder: string): string =>
  filesIn(folder).map((name) => readFileSync(join(folder, name), "latin1")).join("\n")

/** No thread was deleted. */
export const live: Snapshots.SweepInput["isLive"] = () => Effect.succeed(true)
