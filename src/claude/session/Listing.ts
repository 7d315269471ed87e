/**
 * Sessions of this user's that were not made by this library: in a terminal, by another app. Their files are looked at, and
 * no process is started.
 */
import { Effect, FileSystem, Option, Path } from "effect"
import type { AgentSession, AgentSessionPage } from "../../domain/AgentSession.ts"
import { SessionId } from "../../domain/Ids.ts"
import type { SessionQuery } from "../../provider/ProviderAdapter.ts"
import { isOurs, isSessionId } from "../protocol/Cursor.ts"
import * as Transcript from "./Transcript.ts"

interface Found {
  readonly file: string
  readonly sessionId: string
  readonly updatedAt: number
}

/** Newest first. `after` is when the last one before was used; two of the same millisecond may be parted by a page. */
export const list = Effect.fn("Claude.listSessions")(function*(
  config: string,
  { after, directory, limit }: SessionQuery
): Effect.fn.Return<AgentSessionPage, never, FileSystem.FileSystem | Path.Path> {
  const before = after === undefined ? Infinity : Number(after)
  const all = (yield* files(config)).filter(({ updatedAt }) => updatedAt < before)
  const sessions: Array<AgentSession> = []
  for (const found of all) {
    if (sessions.length === limit) return { sessions, next: String(sessions.at(-1)?.updatedAt) }
    const session = yield* read(found)
    if (session !== undefined && (directory === undefined || session.directory === directory)) sessions.push(session)
  }
  return { sessions }
})

const files = Effect.fnUntraced(function*(config: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const projects = path.join(config, "projects")
  const names = yield* Effect.orElseSucceed(fs.readDirectory(projects), () => [])
  const found = yield* Effect.forEach(names, (name) =>
    Effect.gen(function*() {
      const folder = path.join(projects, name)
      const files = (yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])).filter((file) =>
        file.endsWith(".jsonl") && isSessionId(file.slice(0, -6)) && !isOurs(file)
      )
      return yield* Effect.forEach(files, (file) => whenUsed(path.join(folder, file), file.slice(0, -6)))
    }))
  return found.flat(2).toSorted((a, b) => b.updatedAt - a.updatedAt)
})

const whenUsed = Effect.fnUntraced(function*(file: string, sessionId: string) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* Effect.option(fs.stat(file))
  const used = Option.flatMap(info, ({ mtime }) => mtime)
  const found: ReadonlyArray<Found> = Option.isSome(used) ? [{ file, sessionId, updatedAt: used.value.getTime() }] : []
  return found
})

/** As its first message tells; `undefined` for one that has none. */
const read = Effect.fnUntraced(function*({ file, sessionId, updatedAt }: Found) {
  const first = yield* Transcript.firstMessage(file)
  if (Option.isNone(first)) return undefined
  const { line } = first.value
  const title = Transcript.blocksOf(line).flatMap(({ text }) => text ?? []).join(" ").slice(0, titleLength).trim()
  const session: AgentSession = {
    sessionId: SessionId.make(sessionId),
    ...(title === "" ? {} : { title: title.toWellFormed() }),
    directory: line.cwd ?? "",
    updatedAt
  }
  return session
})

const titleLength = 100
