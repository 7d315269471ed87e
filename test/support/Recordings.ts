/** The recorded event streams of real turns ({@link ../recordings/record.ts}), and what a server knew at each frame. */
import { Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import type { Read } from "./TurnReplay.ts"

export interface Recording {
  readonly name: string
  /** Frames as sent, one JSON text each. */
  readonly lines: ReadonlyArray<string>
  readonly root: string
  readonly subagents: ReadonlyArray<string>
  /** The message id of the turn's prompt; nothing where OpenCode refused it. */
  readonly prompt: string | undefined
  /** What the server would have answered once it had sent the first `count` frames. */
  readonly at: (count: number) => Read
}

const decode = Schema.decodeSync(Schema.fromJsonString(Schema.Struct({
  payload: Schema.Struct({
    type: Schema.String,
    properties: Schema.optionalKey(Schema.Struct({
      sessionID: Schema.optionalKey(Schema.String),
      info: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
      part: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
      status: Schema.optionalKey(Schema.Struct({ type: Schema.String }))
    }))
  })
})))

export const make = (name: string, lines: ReadonlyArray<string>): Recording => {
  const frames = lines.map((line) => decode(line).payload)
  const [root = "", ...subagents] = frames.flatMap(({ type, properties }) =>
    type === "session.created" ? [properties?.sessionID ?? ""] : []
  )
  const ofRoot = frames.map((frame) => frame.properties?.sessionID === root ? frame : undefined)
  const prompts = ofRoot.flatMap((frame) => {
    const info = frame?.type === "message.updated" ? frame.properties?.info : undefined
    return info?.["role"] === "user" && typeof info["id"] === "string" ? [info["id"]] : []
  })
  const at = (count: number): Read => {
    const messages = new Map<unknown, { readonly info: unknown; readonly parts: Map<unknown, unknown> }>()
    let busy = false
    for (const frame of ofRoot.slice(0, count)) {
      const { info, part, status } = frame?.properties ?? {}
      if (status !== undefined) busy = status.type !== "idle"
      if (frame?.type === "message.updated" && info !== undefined) {
        messages.set(info["id"], { info, parts: messages.get(info["id"])?.parts ?? new Map() })
      }
      if (part !== undefined) messages.get(part["messageID"])?.parts.set(part["id"], part)
    }
    return {
      busy,
      children: subagents,
      messages: Array.from(messages.values(), ({ info, parts }) => ({ info, parts: Array.from(parts.values()) }))
    }
  }
  return { name, lines, root, subagents, prompt: prompts[0], at }
}

const folder = new URL("../recordings/", import.meta.url)

export const all: ReadonlyArray<Recording> = readdirSync(folder)
  .flatMap((file) => file.endsWith(".jsonl") ? [file.slice(0, -".jsonl".length)] : []).toSorted()
  .map((name) => make(name, readFileSync(new URL(`${name}.jsonl`, folder), "utf8").trimEnd().split("\n")))

/** The same turn once more in the same session: every other id is new and sorts after those of lower numbers. */
export const again = ({ name, lines, subagents }: Recording, number: number): Recording => {
  const prefix = number.toString(36).padStart(6, "0")
  return make(
    name,
    lines.map((line) =>
      subagents.reduce((line, id) => line.replaceAll(id, `${id}${prefix}`), line)
        .replaceAll(/\b(msg|prt|per|que|call|evt)_/g, `$1_${prefix}`)
    )
  )
}
