/**
 * Snapshots in other formats: Markdown for people, JSON lines for programs, and the format of `opencode import`
 * (1.18.33). Attachments are put back where the format has a place for them.
 *
 * @since 0.1.0
 */
import { Effect, Predicate } from "effect"
import type { Item } from "../domain/Item.ts"
import type { SavedMessage, SnapshotManifest } from "../domain/SnapshotManifest.ts"
import type { Usage } from "../domain/Usage.ts"
import * as RedactedCopy from "./internal/redactedCopy.ts"
import { turnsIn } from "./internal/snapshotMessages.ts"
import { ExportUnsupported } from "./SnapshotError.ts"

/**
 * The formats of an export.
 *
 * @since 0.1.0
 * @category models
 */
export type ExportFormat = "markdown" | "jsonl" | "opencode"

/**
 * An exported snapshot.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExportFile {
  readonly format: ExportFormat
  readonly text: string
  readonly messages: number
  /** Messages that the format has no place for: those that only our log has. */
  readonly omitted: number
}

/**
 * A snapshot that was read back. `blobs` are its attachments by their hashes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  readonly manifest: SnapshotManifest
  readonly messages: ReadonlyArray<SavedMessage>
  readonly blobs: ReadonlyMap<string, Uint8Array>
}

/**
 * Converts a snapshot.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  snapshot: Snapshot,
  format: ExportFormat
): Effect.Effect<ExportFile, ExportUnsupported> => {
  const all = { format, messages: snapshot.messages.length, omitted: 0 }
  switch (format) {
    case "markdown":
      return Effect.succeed({ ...all, text: visible(markdown(snapshot)) })
    case "jsonl":
      return Effect.succeed({ ...all, text: jsonLines(snapshot) })
    case "opencode":
      return openCode(snapshot)
  }
}

const jsonLines = ({ blobs, messages }: Snapshot): string =>
  messages.map((message) => `${JSON.stringify(RedactedCopy.restore(message, blobs))}\n`).join("")

const openCode = ({ blobs, manifest, messages }: Snapshot): Effect.Effect<ExportFile, ExportUnsupported> => {
  const { format, session, snapshotId } = manifest
  if (format?.startsWith("opencode/") !== true) {
    return Effect.fail(new ExportUnsupported({ snapshotId, wanted: "opencode", found: format }))
  }
  const own = messages.filter(({ origin }) => origin === "provider")
  const text = JSON.stringify(
    RedactedCopy.restore({ info: session, messages: own.map(({ raw }) => raw) }, blobs),
    null,
    2
  )
  return Effect.succeed({
    format: "opencode",
    text: `${text}\n`,
    messages: own.length,
    omitted: messages.length - own.length
  })
}

// --- Markdown ---

/** Fenced by more backticks than any run in the text. */
const fenced = (text: string, language = ""): string => {
  const longest = (text.match(/`{3,}/g) ?? []).reduce((max, { length }) => Math.max(max, length), 2)
  const fence = "`".repeat(longest + 1)
  return `${fence}${language}\n${text}${text.endsWith("\n") ? "" : "\n"}${fence}`
}

/** One line of code, so that nothing in it is markup. */
const inline = (text: string): string => {
  const flat = text.replace(/\s+/g, " ").trim()
  const longest = (flat.match(/`+/g) ?? []).reduce((max, { length }) => Math.max(max, length), 0)
  const tick = "`".repeat(longest + 1)
  return `${tick}${longest === 0 ? "" : " "}${flat === "" ? " " : flat}${longest === 0 ? "" : " "}${tick}`
}

/** HTML and autolinks, images, and links or their definitions that lead anywhere but to the web, a mail, or a file. */
const active = /<(?=[A-Za-z/!?])|(?<=!)\[|(?<=\])[(:](?!\s*<?(?:https?:|mailto:|#|\.{0,2}\/))/gi

/** A quote, so that headings in the text are not ours, and an open fence ends with it. What is active is escaped. */
const quoted = (text: string): string =>
  text.replace(active, "\\$&").split(/\r?\n/).map((line) => line === "" ? ">" : `> ${line}`).join("\n")

/** Control characters would command a terminal, and marks of direction would reorder what is read. */
const visible = (text: string): string =>
  text.replace(/\r\n/g, "\n").replace(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd"
  })

const utc = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`

const amount = (tokens: number | undefined, what: string): ReadonlyArray<string> =>
  tokens === undefined || tokens === 0 ? [] : [`${tokens} ${what}`]

const usageText = (usage: Usage): string =>
  [
    `${usage.input ?? "?"} in`,
    `${usage.output ?? "?"} out`,
    ...amount(usage.reasoning, "reasoning"),
    ...amount(usage.cacheRead, "from cache"),
    ...amount(usage.cacheWrite, "to cache"),
    ...(usage.costUsd === undefined ? [] : [`$${usage.costUsd.toFixed(4)}`])
  ].join(", ")

const output = (text: string | undefined): ReadonlyArray<string> =>
  text === undefined || text === "" ? [] : ["Output:", fenced(text)]

const itemText = (item: Item): ReadonlyArray<string> => {
  switch (item._tag) {
    case "UserMessage":
      return [
        "### User",
        quoted(item.text),
        ...(item.attachments.length === 0 ? [] : [`Attached: ${item.attachments.map(inline).join(", ")}`])
      ]
    case "AssistantMessage":
      return ["### Assistant", quoted(item.text)]
    case "Reasoning":
      return ["<details><summary>Reasoning</summary>", fenced(item.text, "text"), "</details>"]
    case "Plan":
      return ["### Plan", quoted(item.text)]
    case "ToolCall":
      return [
        `### Tool ${inline(item.tool)}, ${item.status}`,
        ...(item.title === undefined ? [] : [inline(item.title)]),
        fenced(Predicate.isString(item.input) ? item.input : JSON.stringify(item.input, null, 2) ?? "", "json"),
        ...output(item.output)
      ]
    case "Command":
      return [
        `### Command, ${item.status}${item.exitCode === undefined ? "" : ` (exit code ${item.exitCode})`}`,
        fenced(item.command, "sh"),
        ...output(item.output)
      ]
    case "FileChange":
      return [
        `### File change, ${item.status}`,
        ...item.edits.flatMap((edit) => [
          `${edit.kind} ${inline(edit.path)}`,
          ...(edit.patch === undefined ? [] : [fenced(edit.patch, "diff")])
        ])
      ]
  }
}

const messageText = (message: SavedMessage): ReadonlyArray<string> => [
  ...message.items.flatMap(itemText),
  ...(message.origin === "log" ? ["*Not in the agent's history; from the log of the host.*"] : []),
  ...(message.usage === undefined ? [] : [`*Tokens: ${usageText(message.usage)}*`])
]

const turnText = (turn: ReadonlyArray<SavedMessage>, n: number): ReadonlyArray<string> => {
  const at = turn[0]?.at
  return [`## Turn ${n + 1}${at === undefined ? "" : `, ${utc(at)}`}`, ...turn.flatMap(messageText)]
}

const markdown = ({ manifest, messages }: Snapshot): string => {
  const turns = turnsIn(messages)
  const before = messages.slice(0, messages.length - turns.flat().length)
  return [
    `# Conversation ${inline(manifest.threadId)}`,
    [
      `- saved ${utc(manifest.createdAt)}, ${manifest.timing} compaction, ${manifest.completeness}`,
      `- agent ${inline(manifest.provider)} ${manifest.agentVersion ?? ""}, session ${inline(manifest.sessionId)}`,
      `- directory ${inline(manifest.directory)}`,
      `- ${manifest.counts.turns} turns, ${manifest.counts.messages} messages; tokens: ${usageText(manifest.usage)}`,
      `- redaction ${manifest.redaction.level}, ${manifest.redaction.replaced} places; snapshot ${
        inline(manifest.snapshotId)
      }`
    ].join("\n"),
    ...before.flatMap(messageText),
    ...turns.flatMap(turnText),
    ...(manifest.attachments.length === 0 ? [] : [
      "## Attachments",
      manifest.attachments.map(({ bytes, mime, name, sha256 }) =>
        `- ${inline(name ?? "attachment")} (${inline(mime)}, ${bytes} bytes, sha256 ${sha256})`
      ).join("\n")
    ])
  ].join("\n\n").concat("\n")
}
