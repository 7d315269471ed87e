/**
 * The saved copy of a JSON value: its attachments taken out, every other string through the redactor.
 *
 * `data:` URLs become `blob:sha256:<hash>;<mime>`, at any depth, where they are the whole string and can be put back
 * byte by byte; text in them goes through the redactor as well. Ids, tags and the signatures of providers stay as they
 * are, but not inside of what a tool was given: there every field is the model's own.
 */
import { Effect, Predicate, Result } from "effect"
import type { Redactor } from "../../domain/Redaction.ts"
import type { SavedAttachment } from "../../domain/SnapshotManifest.ts"
import { sha256 } from "./manifest.ts"

/** Fields that bind things together, or say what they are. */
const structural = new Set([
  ..."id sessionID sessionId session_id messageID messageId message_id parentID parentId parent_id".split(" "),
  ..."partID callID callId call_id tool_call_id tool_use_id toolCallId toolUseId item_id itemId turnId".split(" "),
  ..."providerID modelID projectID requestId requestID uuid parentUuid subagent".split(" "),
  ..."_tag type role origin status kind mime outcome".split(" ")
])

/** What a provider has signed or encrypted: changed by a byte it is worth nothing. */
const signatures = new Set([
  ..."signature thoughtSignature thought_signature textSignature thinkingSignature".split(" "),
  ..."encrypted_content encryptedContent reasoningEncryptedContent redactedData".split(" ")
])

/** What a model has made up for a tool. */
const free = new Set(["input", "arguments", "args", "env"])

const dataUrl = /^data:([^,]{1,255});base64,/

export interface Blob {
  readonly attachment: SavedAttachment
  readonly content: Uint8Array
}

export const reference = ({ mime, sha256 }: Pick<SavedAttachment, "mime" | "sha256">): string =>
  `blob:sha256:${sha256};${mime}`

const referencePattern = /^blob:sha256:([0-9a-f]{64});/

/** The hash that a string refers to, if it is a reference. */
export const referred = (text: string): string | undefined => referencePattern.exec(text)?.[1]

interface Place {
  readonly key: string | undefined
  readonly free: boolean
  /** What the object that holds the string calls itself. */
  readonly name: string | undefined
}

const nameOf = (value: Readonly<Record<PropertyKey, unknown>>): string | undefined =>
  [value["filename"], value["name"]].find(Predicate.isString)

/** Every string that is not a key, replaced by what `f` answers. */
export const mapStrings = (value: unknown, f: (text: string, place: Place) => string): unknown => {
  const walk = (value: unknown, place: Place): unknown => {
    if (typeof value === "string") {
      return !place.free && place.key !== undefined && (structural.has(place.key) || signatures.has(place.key))
        ? value
        : f(value, place)
    }
    if (Array.isArray(value)) return value.map((entry) => walk(entry, place))
    if (!Predicate.isReadonlyObject(value)) return value
    const name = nameOf(value)
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [
        key,
        walk(entry, { key, free: place.free || (free.has(key) && !Array.isArray(entry)), name })
      ])
    )
  }
  return walk(value, { key: undefined, free: false, name: undefined })
}

/** Base64 that can be made again from its bytes. */
const decodeBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, "base64")
  return bytes.toString("base64") === text ? bytes : undefined
}

const decodeText = (bytes: Uint8Array): string | undefined =>
  Result.getOrUndefined(Result.try(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)))

export interface Copy {
  readonly value: unknown
  readonly blobs: ReadonlyArray<Blob>
  /** How many strings the redactor has changed. */
  readonly replaced: number
}

/** Fails as the redactor fails, and in no other way. */
export const make = Effect.fnUntraced(function*(redactor: Redactor, value: unknown): Effect.fn.Return<Copy, unknown> {
  const blobs = new Map<string, Blob>()
  /** By key and text: what the redactor makes of it is the same wherever it stands. */
  const copies = new Map<string, string>()
  let replaced = 0

  const redact = Effect.fnUntraced(function*(text: string, key: string | undefined) {
    const copy = yield* redactor.redact(text, key)
    if (copy !== text) replaced += 1
    // Some strings may not be empty; what is gone says so.
    return copy === "" ? "[redacted]" : copy
  })

  const takeOut = Effect.fnUntraced(function*(mime: string, bytes: Buffer, name: string | undefined) {
    const text = decodeText(bytes)
    const content = text === undefined ? bytes : Buffer.from(yield* redact(text, undefined))
    const attachment = {
      sha256: sha256(content),
      bytes: content.length,
      mime,
      ...(name === undefined ? {} : { name: yield* redact(name, "filename") })
    }
    blobs.set(attachment.sha256, { attachment, content })
    return reference(attachment)
  })

  const copy = (text: string, { key, name }: Place) => {
    const url = dataUrl.exec(text)
    const bytes = url === null ? undefined : decodeBase64(text.slice(url[0].length))
    return url?.[1] === undefined || bytes === undefined ? redact(text, key) : takeOut(url[1], bytes, name)
  }

  const wanted = new Map<string, readonly [string, Place]>()
  const identify = (text: string, { key }: Place) => `${key ?? ""}\n${text}`
  mapStrings(value, (text, place) => {
    if (text !== "") wanted.set(identify(text, place), [text, place])
    return text
  })
  for (const [id, [text, place]] of wanted) copies.set(id, yield* copy(text, place))
  return {
    value: mapStrings(value, (text, place) => copies.get(identify(text, place)) ?? text),
    blobs: Array.from(blobs.values()),
    replaced
  }
})

/** Puts the blobs back in their places. */
export const restore = (value: unknown, blobs: ReadonlyMap<string, Uint8Array>): unknown =>
  mapStrings(value, (text) => {
    const hash = referred(text)
    const content = hash === undefined ? undefined : blobs.get(hash)
    if (hash === undefined || content === undefined) return text
    return `data:${text.slice(reference({ sha256: hash, mime: "" }).length)};base64,${
      Buffer.from(content).toString("base64")
    }`
  })
