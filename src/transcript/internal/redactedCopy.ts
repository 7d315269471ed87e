/**
 * The saved copy of a JSON value: attachments are taken out, and every other string is redacted.
 *
 * A string at any depth that is a `data:` URL, and can be restored byte by byte, becomes `blob:sha256:<hash>;<mime>`;
 * text in it is redacted as well. Ids, tags and the signatures of providers stay as they are, except inside the input
 * of a tool, where every field is the model's own.
 */
import { Effect, Predicate, Result } from "effect"
import type { Redactor } from "../../domain/Redaction.ts"
import type { SavedAttachment } from "../../domain/SnapshotManifest.ts"
import { sha256 } from "./manifest.ts"

/** Fields that link records, or name their kind. */
const structural = new Set([
  ..."id sessionID sessionId session_id messageID messageId message_id parentID parentId parent_id".split(" "),
  ..."partID callID callId call_id tool_call_id tool_use_id toolCallId toolUseId item_id itemId turnId".split(" "),
  ..."providerID modelID projectID requestId requestID uuid parentUuid subagent".split(" "),
  ..."_tag type role origin status kind mime outcome".split(" ")
])

/** Signed or encrypted by a provider: useless after any change. */
const signatures = new Set([
  ..."signature thoughtSignature thought_signature textSignature thinkingSignature".split(" "),
  ..."encrypted_content encryptedContent reasoningEncryptedContent redactedData".split(" ")
])

/** Fields whose content a model wrote for a tool. */
const free = new Set(["input", "arguments", "args", "env"])

/** Fields whose content an app wrote for itself, with the field that they lie in: agents have others of these names. */
const appOwned = new Set(["said.metadata", "annotations.data"])

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
  /** The name field of the object that holds the string. */
  readonly name: string | undefined
}

const nameOf = (value: Readonly<Record<PropertyKey, unknown>>): string | undefined =>
  [value["filename"], value["name"]].find(Predicate.isString)

/** Replaces every string that is not a key by the result of `f`. */
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
        walk(entry, {
          key,
          free: place.free || (free.has(key) && !Array.isArray(entry)) || appOwned.has(`${place.key}.${key}`),
          name
        })
      ])
    )
  }
  return walk(value, { key: undefined, free: false, name: undefined })
}

/** Decodes base64 that its bytes encode to again. */
const decodeBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, "base64")
  return bytes.toString("base64") === text ? bytes : undefined
}

const decodeText = (bytes: Uint8Array): string | undefined =>
  Result.getOrUndefined(Result.try(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)))

export interface Copy {
  readonly value: unknown
  readonly blobs: ReadonlyArray<Blob>
  /** Number of strings that the redactor changed. */
  readonly replaced: number
}

/** Fails only with the redactor's own failure. */
export const make = Effect.fnUntraced(function*(redactor: Redactor, value: unknown): Effect.fn.Return<Copy, unknown> {
  const blobs = new Map<string, Blob>()
  /** By key and text: the redactor's result does not depend on the position. */
  const copies = new Map<string, string>()
  let replaced = 0

  const redact = Effect.fnUntraced(function*(text: string, key: string | undefined) {
    const copy = yield* redactor.redact(text, key)
    if (copy !== text) replaced += 1
    // Some strings must not be empty, and a removed text should be visible.
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

  const texts = new Map<string, readonly [string, Place]>()
  const identify = (text: string, { key }: Place) => `${key ?? ""}\n${text}`
  mapStrings(value, (text, place) => {
    if (text !== "") texts.set(identify(text, place), [text, place])
    return text
  })
  for (const [id, [text, place]] of texts) copies.set(id, yield* copy(text, place))
  return {
    value: mapStrings(value, (text, place) => copies.get(identify(text, place)) ?? text),
    blobs: Array.from(blobs.values()),
    replaced
  }
})

/** Puts the blobs back. */
export const restore = (value: unknown, blobs: ReadonlyMap<string, Uint8Array>): unknown =>
  mapStrings(value, (text) => {
    const hash = referred(text)
    const content = hash === undefined ? undefined : blobs.get(hash)
    if (hash === undefined || content === undefined) return text
    return `data:${text.slice(reference({ sha256: hash, mime: "" }).length)};base64,${
      Buffer.from(content).toString("base64")
    }`
  })
