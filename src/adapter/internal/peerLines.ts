/**
 * Bytes as lines, one bad line at a time.
 *
 * `effect/encoding/Ndjson` cannot do this (4.1.0): its decoders fail at the first bad or too long line and drop what
 * follows it in the chunk, and a bare `\r` ends a line. This never fails, and its work is linear in the bytes however
 * they are cut.
 */
import { Result } from "effect"
import type { BadLine } from "../PeerReport.ts"

/** Among values, which are never of a class. */
export class NotJson {
  readonly line: BadLine
  constructor(line: BadLine) {
    this.line = line
  }
}

export interface PeerLines {
  /** The lines that the chunk completes, without their ends. */
  readonly push: (chunk: Uint8Array) => ReadonlyArray<string | BadLine>
  /** What came after the end of the last line, if it is text. */
  readonly end: () => ReadonlyArray<string | BadLine>
}

const newline = 0x0a
const byteOrderMark = 0xfeff
const textKept = 1_000
const empty = new Uint8Array(0)
const none: ReadonlyArray<never> = []

/** V8 has no longer strings. */
const longest = 0x1fff_ffe8

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder("utf-8", { ignoreBOM: true })

const bad = (reason: BadLine["reason"], line: string): BadLine => ({
  _tag: "BadLine",
  reason,
  text: line.slice(0, textKept)
})

const badBytes = (reason: BadLine["reason"], bytes: Uint8Array): BadLine =>
  bad(reason, lenient.decode(bytes.subarray(0, textKept * 4)))

const decode = (bytes: Uint8Array): Result.Result<string, unknown> => Result.try(() => strict.decode(bytes))

/** One per stream. It keeps one unfinished line, of at most `maxLine` bytes and one chunk. */
export const make = (maxLine: number): PeerLines => {
  const limit = Math.min(maxLine, longest)
  let pending: Array<Uint8Array> = []
  let size = 0
  /** In a line that was too long. */
  let skipping = false

  /** The unfinished line with its end. */
  const take = (end: Uint8Array): Uint8Array => {
    if (size === 0) return end
    const whole = new Uint8Array(size + end.length)
    let offset = 0
    for (const bytes of pending) {
      whole.set(bytes, offset)
      offset += bytes.length
    }
    whole.set(end, offset)
    pending = []
    size = 0
    return whole
  }

  const keep = (rest: Uint8Array): ReadonlyArray<BadLine> => {
    if (rest.length === 0) return none
    // Not copied: nothing writes to a chunk of a Stream any more.
    pending.push(rest)
    size += rest.length
    if (size <= limit) return none
    const tooLong = badBytes("too-long", pending[0] ?? empty)
    pending = []
    size = 0
    skipping = true
    return [tooLong]
  }

  const line = (bytes: Uint8Array): string | BadLine =>
    bytes.length > limit
      ? badBytes("too-long", bytes)
      : Result.getOrElse(decode(bytes), () => badBytes("not-utf8", bytes))

  const oneByOne = (bytes: Uint8Array): ReadonlyArray<string | BadLine> => {
    const lines: Array<string | BadLine> = []
    let start = 0
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
      lines.push(line(bytes.subarray(start, end)))
      start = end + 1
    }
    lines.push(line(bytes.subarray(start)))
    return lines
  }

  const complete = (bytes: Uint8Array): ReadonlyArray<string | BadLine> => {
    if (bytes.length > limit) return oneByOne(bytes)
    // The end of a line is never inside a character, so all lines are decoded at once.
    const text = decode(bytes)
    return Result.isSuccess(text) ? text.success.split("\n") : oneByOne(bytes)
  }

  return {
    push: (chunk) => {
      let start = 0
      if (skipping) {
        start = chunk.indexOf(newline) + 1
        if (start === 0) return none
        skipping = false
      }
      const last = chunk.lastIndexOf(newline)
      if (last < start) return keep(chunk.subarray(start))
      const lines = complete(take(chunk.subarray(start, last)))
      const tooLong = keep(chunk.subarray(last + 1))
      return tooLong.length === 0 ? lines : [...lines, ...tooLong]
    },
    end: () => size === 0 ? none : [line(take(empty))]
  }
}

/** The values of lines, with `NotJson` for those that have none. Blank lines are neither. */
export const parse = (lines: ReadonlyArray<string | BadLine>, whenNot: "not-json" | "cut"): ReadonlyArray<unknown> => {
  const out: Array<unknown> = []
  let next = 0
  // One guard for as many lines as are good, since every line passes here.
  const parsing = () => {
    while (next < lines.length) {
      const line = lines[next] ?? ""
      next++
      if (typeof line !== "string") out.push(new NotJson(line))
      else if (line !== "") out.push(JSON.parse(line))
    }
  }
  while (Result.isFailure(Result.try(parsing))) {
    const line = lines[next - 1]
    if (typeof line === "string") out.push(...odd(line, whenNot))
  }
  return out
}

/** A byte order mark may begin the first line. */
const odd = (line: string, whenNot: "not-json" | "cut"): ReadonlyArray<unknown> => {
  if (line.trim() === "") return none
  return line.charCodeAt(0) === byteOrderMark ? parse([line.slice(1)], whenNot) : [new NotJson(bad(whenNot, line))]
}
