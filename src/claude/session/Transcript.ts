/**
 * The file that Claude keeps of a session: `<config>/projects/<project>/<session>.jsonl`, one JSON value a line, appended to
 * and never rewritten. The project's name is not computed; the file is found by the session's id.
 */
import { Array as Arr, Effect, FileSystem, Option, Path, Schema, Stream } from "effect"
import { NativeId } from "../../adapter/NativeId.ts"
import { isAside, isOurs } from "../protocol/Cursor.ts"
import { Block } from "../protocol/Frame.ts"

const Maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Text = Maybe(Schema.String)
const Flag = Maybe(Schema.Boolean)

/** A line, as far as it is used. */
export const Line = Schema.Struct({
  type: Schema.String,
  uuid: Schema.optionalKey(Schema.NullOr(NativeId)),
  /** The line that it follows upon. Absent for the first one, and for the first one after a compaction. */
  parentUuid: Text,
  timestamp: Text,
  cwd: Text,
  isMeta: Flag,
  isCompactSummary: Flag,
  isApiErrorMessage: Flag,
  /** Whose words they are: present on prompts alone. */
  promptSource: Text,
  apiBlockIndex: Maybe(Schema.Int),
  message: Maybe(Schema.Struct({
    id: Text,
    model: Text,
    stop_reason: Text,
    content: Schema.Union([Schema.String, Schema.Array(Block)])
  })),
  toolUseResult: Schema.optionalKey(Schema.Unknown),
  permissionDecision: Maybe(Schema.Struct({ decision: Text }))
})

export interface Line extends Schema.Schema.Type<typeof Line> {}

/** A line with what it was read from. */
export interface Entry {
  readonly line: Line
  readonly raw: unknown
}

const Json = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))
const decodeLine = Schema.decodeUnknownOption(Line)

/** What cannot be read is left out: a process that was killed leaves half a line. */
export const parse = (text: string): Option.Option<Entry> =>
  Option.flatMap(Json(text), (raw) => Option.map(decodeLine(raw), (line) => ({ line, raw })))

export const isMessage = ({ type, uuid }: Line): boolean => (type === "user" || type === "assistant") && uuid != null

/** Whether a turn begins with it: words of a user's, or Claude's own note that work in the background has ended. */
export const begins = ({ isMeta, promptSource, type }: Line): boolean =>
  type === "user" && isMeta !== true && promptSource != null

/** Whether the text of a line can be that of one that {@link begins} a turn: most lines need not be parsed to know. */
export const mayBegin = (text: string): boolean => text.includes("\"promptSource\"")

/** Whether it is words of a user's. */
export const isPrompt = (line: Line): boolean => begins(line) && line.promptSource !== "system"

/** The first lines of turns, by the ids of the lines that belong to them. */
export type Turns = ReadonlyMap<string, Entry | undefined>

/**
 * Tells with which line the turn begins that a line belongs to. Stateful: lines come in order, those of `known` came before.
 * What another client writes may lie between the lines of a turn, so they are held together by their parents; one whose
 * parent is not known belongs to the turn of the line before.
 */
export const turnOf = (known: Turns = new Map(), isFirst: (line: Line) => boolean = begins) => {
  const turns = new Map(known)
  let before: Entry | undefined
  return (entry: Entry): Entry | undefined => {
    const { parentUuid, uuid } = entry.line
    const parents = parentUuid != null && turns.has(parentUuid) ? turns.get(parentUuid) : before
    before = isFirst(entry.line) ? entry : parents
    if (uuid != null) turns.set(uuid, before)
    return before
  }
}

export const blocksOf = ({ message }: Line): ReadonlyArray<Block> =>
  typeof message?.content === "string" ? [{ type: "text", text: message.content }] : message?.content ?? []

/** Each line of a file, with what can be read of it. */
export const linesOf = (text: string): ReadonlyArray<{ readonly text: string; readonly entry: Entry | undefined }> =>
  text.split("\n").filter((text) => text !== "").map((text) => ({ text, entry: Option.getOrUndefined(parse(text)) }))

export const textOf = (lines: ReturnType<typeof linesOf>): string => lines.map(({ text }) => `${text}\n`).join("")

/** Where the turn begins whose prompt is at `at`: with what was told beside the prompt. */
export const beginningOf = (lines: ReturnType<typeof linesOf>, at: number): number =>
  lines.slice(0, at).findLastIndex(({ entry }) => entry !== undefined && isOfTurnBefore(entry.line)) + 1

const isOfTurnBefore = (line: Line): boolean =>
  isMessage(line) && !isAside(line.uuid ?? "") && (line.isMeta !== true || isOurs(line.uuid ?? ""))

/** The session's file. */
export const find = Effect.fnUntraced(function*(config: string, sessionId: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const projects = path.join(config, "projects")
  const names = yield* Effect.orElseSucceed(fs.readDirectory(projects), () => [])
  const files = names.map((name) => path.join(projects, name, `${sessionId}.jsonl`))
  const found = yield* Effect.filter(files, (file) => Effect.orElseSucceed(fs.exists(file), () => false), {
    concurrency: 16
  })
  return Arr.head(found)
})

/** Bytes of the session's file. */
export const sizeOf = Effect.fnUntraced(function*(config: string, sessionId: string) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* find(config, sessionId)
  return Option.isNone(file)
    ? 0
    : yield* Effect.orElseSucceed(Effect.map(fs.stat(file.value), ({ size }) => Number(size)), () => 0)
})

/** Its whole lines from a byte on, and where the last of them ends. */
export const tail = Effect.fnUntraced(function*(file: string, from: number) {
  const fs = yield* FileSystem.FileSystem
  const chunks = yield* Effect.orElseSucceed(Stream.runCollect(fs.stream(file, { offset: from })), () => [])
  const bytes = Buffer.concat(chunks)
  const end = bytes.lastIndexOf("\n") + 1
  return { lines: bytes.subarray(0, end).toString("utf8").split("\n"), end: from + end }
})

const lines = (file: string) =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => fs.stream(file))).pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.map(parse),
    Stream.flatMap((entry) => Option.isSome(entry) ? Stream.succeed(entry.value) : Stream.empty)
  )

export const read = (file: string) => Effect.orElseSucceed(Stream.runCollect(lines(file)), (): Array<Entry> => [])

/** The first message of the session's file. */
export const firstMessage = (file: string) =>
  lines(file).pipe(
    Stream.filter(({ line }) => isMessage(line)),
    Stream.runHead,
    Effect.orElseSucceed(() => Option.none<Entry>())
  )

/**
 * Whether the session can be resumed: its file has a message. That decided right of every file that was tried, garbage, empty
 * and cut ones (2.1.332).
 */
export const isResumable = (config: string, sessionId: string) =>
  Effect.map(beginning(config, sessionId), Option.isSome)

/** Where the session was begun. */
export const directoryOf = (config: string, sessionId: string) =>
  Effect.map(beginning(config, sessionId), (entry) => Option.getOrUndefined(entry)?.line.cwd ?? undefined)

const beginning = Effect.fnUntraced(function*(config: string, sessionId: string) {
  const file = yield* find(config, sessionId)
  return Option.isNone(file) ? Option.none<Entry>() : yield* firstMessage(file.value)
})
