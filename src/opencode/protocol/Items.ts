/**
 * OpenCode's parts as items: a text part is a message, a reasoning part a thought, a tool part a command, a file change
 * or a tool call (tools of 1.18.33).
 */
import { Option, Schema } from "effect"
import * as ToolContents from "../../adapter/ToolContents.ts"
import { ItemId } from "../../domain/Ids.ts"
import type { FileEdit, Item, ItemStatus } from "../../domain/Item.ts"
import type { Part, Stored, TextPart, ToolPart } from "./Message.ts"
import * as Tools from "./Tools.ts"

/** What an item needs to know of its surroundings. */
export interface Place {
  /** The session that `startSession` answered; parts of other sessions are a subagent's. */
  readonly root: string
  /** Calls whose permission was refused. */
  readonly declined: ReadonlySet<string>
}

export const fromText = (part: TextPart, text: string, place: Place): Item => ({
  _tag: part.type === "text" ? "AssistantMessage" : "Reasoning",
  ...base(part, place),
  text
})

export const fromTool = (part: ToolPart, place: Place): Item => {
  const { tool, state } = part
  const status = statusOf(part, place)
  const output = state.output ?? state.error
  const timing = timingOf(part)
  if (tool === "bash") {
    const { output: sofar, exit } = Option.getOrElse(BashMetadata(state.metadata), () => noMetadata)
    const shownOutput = output ?? sofar
    return {
      _tag: "Command",
      ...base(part, place),
      ...timing,
      command: text(state.input["command"]) ?? "",
      ...(shownOutput === undefined ? {} : { output: shownOutput }),
      ...(typeof exit === "number" ? { exitCode: exit } : {}),
      status: status === "completed" && exit !== 0 && exit !== undefined ? "failed" : status
    }
  }
  const edits = editsOf(part)
  if (edits !== undefined) return { _tag: "FileChange", ...base(part, place), ...timing, edits, status }
  return {
    _tag: "ToolCall",
    ...base(part, place),
    ...timing,
    tool,
    ...Tools.of(part),
    ...(state.title === undefined || state.title === "" ? {} : { title: state.title }),
    input: state.input,
    ...(output === undefined ? {} : { output }),
    ...contentOf(part),
    status
  }
}

const timingOf = ({ state: { time: { end, start } = {} } }: ToolPart) =>
  start === undefined
    ? {}
    : { startedAt: start, ...(end === undefined ? {} : { durationMillis: Math.max(0, end - start) }) }

/** Files in a tool's result, such as an image that was read. */
const contentOf = ({ state: { attachments = [] } }: ToolPart) => {
  const content = attachments.flatMap(({ filename, url }) =>
    url === undefined ? [] : ToolContents.fromUrl(url, filename)
  )
  return content.length === 0 ? {} : { content }
}

const base = (part: Part, place: Place) => ({
  itemId: part.id,
  ...(part.sessionID === place.root ? {} : { subagent: part.sessionID })
})

const statusOf = ({ state, callID }: ToolPart, { declined }: Place): ItemStatus =>
  state.status !== "error" ? state.status : declined.has(callID) ? "declined" : "failed"

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

const noMetadata = { output: undefined, exit: undefined }
const BashMetadata = Schema.decodeUnknownOption(Schema.Struct({
  output: Schema.optional(Schema.String),
  /** `null` where the command was ended. */
  exit: Schema.optional(Schema.NullOr(Schema.Int))
}))

// --- file changes ---

const WriteMetadata = Schema.decodeUnknownOption(Schema.Struct({
  diff: Schema.optional(Schema.String),
  exists: Schema.optional(Schema.Boolean)
}))

const PatchMetadata = Schema.decodeUnknownOption(Schema.Struct({
  files: Schema.Array(Schema.Struct({
    filePath: Schema.String,
    type: Schema.optional(Schema.String),
    patch: Schema.optional(Schema.String),
    diff: Schema.optional(Schema.String),
    movePath: Schema.optional(Schema.String)
  }))
}))

const kinds = new Map<string | undefined, FileEdit["kind"]>([
  ["add", "add"],
  ["delete", "delete"],
  ["Add", "add"],
  ["Delete", "delete"]
])

const edit = (path: string, kind: FileEdit["kind"], patch: string | undefined): FileEdit => ({
  path,
  kind,
  ...(patch === undefined ? {} : { patch })
})

const editsOf = ({ tool, state }: ToolPart): ReadonlyArray<FileEdit> | undefined => {
  const { input } = state
  if (tool === "edit" || tool === "write") {
    const metadata = Option.getOrUndefined(WriteMetadata(state.metadata))
    const creates = tool === "write" ? metadata?.exists === false : input["oldString"] === ""
    return [edit(text(input["filePath"]) ?? "", creates ? "add" : "modify", metadata?.diff)]
  }
  if (tool !== "apply_patch" && tool !== "patch") return undefined
  const metadata = PatchMetadata(state.metadata)
  if (Option.isSome(metadata)) {
    return metadata.value.files.flatMap((file) => {
      const change = edit(file.movePath ?? file.filePath, kinds.get(file.type) ?? "modify", file.patch ?? file.diff)
      return file.movePath === undefined ? [change] : [edit(file.filePath, "delete", undefined), change]
    })
  }
  // Not applied yet: the files as the patch itself names them.
  return Array.from(
    (text(input["patchText"]) ?? "").matchAll(/^\*\*\* (Add|Update|Delete) File: (.+)$/gm),
    ([, kind, path]) => edit(path ?? "", kinds.get(kind) ?? "modify", undefined)
  )
}

// --- history ---

const noneDeclined: ReadonlySet<string> = new Set()

/** What stored messages hold, oldest first. Texts that OpenCode wrote itself and summaries are not part of it. */
export const fromHistory = (root: string, messages: ReadonlyArray<Stored>): ReadonlyArray<Item> => {
  const place = { root, declined: noneDeclined }
  return messages.flatMap(({ info, parts }): ReadonlyArray<Item> => {
    if (info.role === "user") return userMessage(info.id, parts)
    if (info.summary === true) return []
    return parts.flatMap((part): ReadonlyArray<Item> => {
      if (part.type === "tool") return [fromTool(part, place)]
      if ((part.type === "text" || part.type === "reasoning") && shown(part) && part.text !== "") {
        return [fromText(part, part.text, place)]
      }
      return []
    })
  })
}

/** Whether a text is the author's own. */
export const shown = (part: TextPart): boolean => part.synthetic !== true && part.ignored !== true

const userMessage = (id: string, parts: ReadonlyArray<Part>): ReadonlyArray<Item> => {
  const texts = parts.flatMap((part) => part.type === "text" && shown(part) ? [part.text] : [])
  const attachments = parts.flatMap((part) => part.type === "file" ? [part.filename ?? "file"] : [])
  return texts.length === 0 && attachments.length === 0
    ? []
    : [{ _tag: "UserMessage", itemId: ItemId.make(id), text: texts.join("\n"), attachments }]
}
