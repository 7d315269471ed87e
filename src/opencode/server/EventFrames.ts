/**
 * The bytes of OpenCode's `/global/event` as frames. One `data:` line is one frame; there are no ids and no event names
 * (1.18.33). About two in five are `sync` duplicates of others; they and frames of no session are not frames here, but for {@link McpChanged}.
 */
import type { McpChanged, SessionFrame } from "./Connection.ts"

/** A frame with what routing needs: its directory, and whose child its session is. */
export interface RoutedFrame extends SessionFrame {
  readonly directory: string | undefined
  /** The session's parent, `null` where it has none, `undefined` where the frame does not say. */
  readonly parentId: string | null | undefined
}

export interface Batch {
  readonly frames: ReadonlyArray<RoutedFrame>
  readonly mcpChanged: ReadonlyArray<McpChanged>
  /** Whether the server has greeted, which it does before it listens for what it is to say. */
  readonly connected: boolean
  /** A line is longer than any that is kept. */
  readonly tooLong: boolean
  /** Data lines that are not JSON objects with a payload. */
  readonly undecodable: number
}

/** Takes chunks, answers the frames that they complete. One per connection; synchronous, as it is the hot path. */
export const makeParser = () => {
  const decoder = new TextDecoder()
  let rest = ""
  return (chunk: Uint8Array): Batch => {
    const text = decoder.decode(chunk, { stream: true })
    const end = text.lastIndexOf("\n")
    if (end === -1) {
      rest += text
      return rest.length > longestLine ? { ...nothing, tooLong: true } : nothing
    }
    const lines = (rest + text.slice(0, end)).split("\n")
    rest = text.slice(end + 1)
    const frames: Array<RoutedFrame> = []
    const mcpChanged: Array<McpChanged> = []
    let connected = false
    let undecodable = 0
    for (const line of lines) {
      if (!line.startsWith("data:")) continue
      const frame = parse(line.slice(5))
      if (frame === "connected") connected = true
      else if (frame === "undecodable") undecodable++
      else if (frame === "unrouted") continue
      else if (frame._tag === "Frame") frames.push(frame)
      else mcpChanged.push(frame)
    }
    return { frames, mcpChanged, connected, undecodable, tooLong: false }
  }
}

/** In characters. Frames with a file in them are megabytes. */
const longestLine = 67_108_864

const nothing: Batch = { frames: [], mcpChanged: [], connected: false, undecodable: 0, tooLong: false }

const parse = (json: string): RoutedFrame | McpChanged | "connected" | "unrouted" | "undecodable" => {
  const frame = parseJson(json)
  const payload = field(frame, "payload")
  const type = field(payload, "type")
  if (typeof type !== "string") return "undecodable"
  if (type === "server.connected") return "connected"
  const properties = field(payload, "properties")
  const sessionId = field(properties, "sessionID")
  const directory = field(frame, "directory")
  if (type === "mcp.tools.changed" && typeof directory === "string") return { _tag: "McpChanged", directory }
  if (type === "sync" || typeof sessionId !== "string") return "unrouted"
  return {
    _tag: "Frame",
    sessionId,
    type,
    properties,
    directory: typeof directory === "string" ? directory : undefined,
    parentId: type === "session.created" || type === "session.updated" ? parentOf(field(properties, "info")) : undefined
  }
}

/** The parent a session object names. */
export const parentOf = (info: unknown): string | null | undefined => {
  if (typeof info !== "object" || info === null) return undefined
  const parentId = field(info, "parentID")
  return typeof parentId === "string" ? parentId : null
}

/** The directory in which this frame says that a request was answered with "always". */
export const allowedAlways = ({ directory, properties, type }: RoutedFrame): ReadonlyArray<string> =>
  type === "permission.replied" && directory !== undefined && field(properties, "reply") === "always" ? [directory] : []

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

const parseJson = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
